export { Database, type Queryable, type Statement } from './database.js';
export { brokenRule, isRefusal } from './errors.js';
export { gateExclusive, gateShared } from './gate.js';
export { migrate } from './migrate.js';
export { AdminQueries } from './prisma.js';
export { rollbackToSavepoint, savepoint } from './savepoint.js';
