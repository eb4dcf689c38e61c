export { ArchiveSale } from './archive-sale.js';
export { AuditLog, systemActor, type AuditEntry } from './audit-log.js';
export { MendSales } from './mend-sales.js';
export { ReloadSale, type Take } from './reload-sale.js';
export { moved } from './sale-edit.js';
export { SaleQueries } from './sale-queries.js';
export { SaleSnapshots } from './sale-snapshots.js';
export { SaleRepository } from './sale.repository.js';
export { SalesApiModule, SalesModule } from './sales.module.js';
