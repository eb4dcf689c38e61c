import type { Statement } from './database.js';

/** What a transaction can go back to; the last one counts. */
export const savepoint: Statement = { name: 'savepoint', text: 'SAVEPOINT attempt' };

export const rollbackToSavepoint: Statement = { name: 'rollback-to-savepoint', text: 'ROLLBACK TO SAVEPOINT attempt' };
