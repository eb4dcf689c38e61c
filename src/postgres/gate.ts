import type { Queryable, Statement } from './database.js';

const exclusive: Statement = {
  name: 'gate-exclusive',
  text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))',
};

const shared: Statement = {
  name: 'gate-shared',
  text: 'SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))',
};

/**
 * The gate of a sale, held to the end of the transaction: persist and reload take it exclusively. It is a fair queue and
 * works through PgBouncer; row locks `FOR SHARE` could starve the writer.
 */
export async function gateExclusive(tx: Queryable, saleId: string): Promise<void> {
  await tx.rows(exclusive, [saleId]);
}

/** The same gate beside others that hold it so: cancel and expire. */
export async function gateShared(tx: Queryable, saleId: string): Promise<void> {
  await tx.rows(shared, [saleId]);
}
