export { Database, type Queryable, type Statement, type TransactionOptions } from './database.js';
export { brokenRule, isRefusal } from './errors.js';
export { briefPatienceMs, longPatienceMs, SaleGate } from './gate.js';
export { migrate } from './migrate.js';
export { AdminQueries } from './prisma.js';
export { rollbackToSavepoint, savepoint } from './savepoint.js';
