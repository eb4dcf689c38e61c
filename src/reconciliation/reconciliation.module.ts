import { Module } from '@nestjs/common';
import { OrdersModule } from '../orders/index.js';
import { ArchiveSalesPass } from './archive-sales.pass.js';
import { CloseSalesPass } from './close-sales.pass.js';
import { CompareStockPass } from './compare-stock.pass.js';
import { DeleteOldOrdersPass } from './delete-old-orders.pass.js';
import { ExpireHoldsPass } from './expire-holds.pass.js';
import { FoldConfirmationsPass } from './fold-confirmations.pass.js';
import { Reconcile } from './reconcile.js';
import { Reconciler } from './reconciler.js';
import { ReconciliationsController } from './reconciliations.controller.js';
import { RequeueOrdersPass } from './requeue-orders.pass.js';
import { ReturnStockPass } from './return-stock.pass.js';
import { Survey } from './survey.js';

@Module({
  imports: [OrdersModule],
  providers: [
    Survey,
    ExpireHoldsPass,
    ReturnStockPass,
    RequeueOrdersPass,
    CloseSalesPass,
    CompareStockPass,
    ArchiveSalesPass,
    DeleteOldOrdersPass,
    FoldConfirmationsPass,
    Reconcile,
    Reconciler,
  ],
  exports: [Reconcile, Reconciler],
})
export class ReconciliationModule {}

@Module({ imports: [ReconciliationModule, OrdersModule], controllers: [ReconciliationsController] })
export class ReconciliationApiModule {}
