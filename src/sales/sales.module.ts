import { Module } from '@nestjs/common';
import { InventoryModule } from '../inventory/index.js';
import { AdminSalesController } from './admin-sales.controller.js';
import { ArchiveSale } from './archive-sale.js';
import { AuditController } from './audit.controller.js';
import { AuditLog } from './audit-log.js';
import { ChangeSale } from './change-sale.js';
import { CreateSale } from './create-sale.js';
import { DeleteDraft } from './delete-draft.js';
import { LoadSale } from './load-sale.js';
import { MendSales } from './mend-sales.js';
import { MoveSale } from './move-sale.js';
import { ReloadSale } from './reload-sale.js';
import { SaleFiguresReader } from './sale-figures.js';
import { SaleQueries } from './sale-queries.js';
import { SaleSnapshots } from './sale-snapshots.js';
import { SaleRepository } from './sale.repository.js';
import { SalesController } from './sales.controller.js';
import { StockReader } from './stock-reader.js';

/** Sales without their HTTP routes: what workers and the reconciler need of them. */
@Module({
  imports: [InventoryModule],
  providers: [
    SaleRepository,
    SaleSnapshots,
    SaleFiguresReader,
    StockReader,
    AuditLog,
    LoadSale,
    ReloadSale,
    MoveSale,
    ChangeSale,
    DeleteDraft,
    ArchiveSale,
    MendSales,
    CreateSale,
    SaleQueries,
  ],
  exports: [
    SaleRepository,
    SaleSnapshots,
    SaleQueries,
    AuditLog,
    ReloadSale,
    MoveSale,
    ChangeSale,
    DeleteDraft,
    ArchiveSale,
    MendSales,
    CreateSale,
    InventoryModule,
  ],
})
export class SalesModule {}

@Module({ imports: [SalesModule], controllers: [SalesController, AdminSalesController, AuditController] })
export class SalesApiModule {}
