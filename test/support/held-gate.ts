import { Client } from 'pg';

/** Holds a sale's gate on a connection of its own, as a process does that stands still inside it. @returns frees it; once more is nothing */
export async function holdGate(databaseUrl: string, saleId: string): Promise<() => Promise<void>> {
  const holder = new Client({ connectionString: databaseUrl });
  holder.on('error', () => undefined); // a test may cut it
  await holder.connect();
  await holder.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [saleId]);
  return () => holder.end();
}
