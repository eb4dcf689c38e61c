export { askOfSales } from './ask-of-sales.js';
export type { ChangeOutcome } from './change.script.js';
export { balanceOf, type Inspection } from './inspect.script.js';
export { InventoryModule } from './inventory.module.js';
export { ticketsOf, type OutboxEntry, type QueuedOrder } from './outbox-entry.js';
export type { ReserveOutcome } from './reserve.script.js';
export { doneBy, SalesFailed, SaleVisits, type Visited, type VisitKind } from './sale-visits.js';
export type { StagedSale } from './staged-sale.js';
export { StockStore, type LoadedSale, type ReturnBatch, type SaleFields, type StockClaim } from './stock.store.js';
