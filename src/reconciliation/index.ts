export { Reconciler } from './reconciler.js';
export { ReconciliationApiModule, ReconciliationModule } from './reconciliation.module.js';
