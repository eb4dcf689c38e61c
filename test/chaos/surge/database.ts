import pg from 'pg';

/** Longer than 100,000 orders take to be written on a busy machine; PostgreSQL may stand still meanwhile. */
const queryTimeoutMs = 60_000;
const connectTimeoutMs = 5000;

/** Runs `work` on a connection of its own, past all proxies. What it leaves open ends with it. @throws Error when the server goes away */
export async function inDatabase<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
  });
  client.on('error', () => undefined); // the query fails too
  await client.connect();
  try {
    return await work(client);
  } finally {
    client.end().catch(() => undefined); // not waited for: the server may be silent
  }
}
