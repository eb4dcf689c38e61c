/**
 * @needs nginx
 * @needs pgbouncer
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '../../src/embedded/index.js';
import { AdminQueries, Database } from '../../src/postgres/index.js';
import { startFront, type Front } from '../support/front.js';

let front: Front;
let database: Database;

beforeAll(async () => {
  front = await startFront(`postgresql://sluice:secret@127.0.0.1:${String(await freePort())}/sluice`);
  database = new Database(front.databaseUrl, () => undefined, undefined, false);
});

afterAll(async () => {
  await database.close();
  await front.stop();
});

test('when there is no PostgreSQL behind PgBouncer, then every kind of query says that it is an outage', async () => {
  const admin = new AdminQueries(database);
  const queries = [
    () => database.ping(),
    () => database.transaction((tx) => tx.rows({ name: 'one', text: 'SELECT 1' })),
    () => database.brief('SELECT 1', 1000),
    () => admin.read((client) => client.sale.findMany()),
    () => admin.read((client) => client.$queryRaw`SELECT 1`),
  ];
  // the first hears of a connection that was refused, the next that the login has been failing
  for (const query of queries) await expect(query()).rejects.toMatchObject({ code: 'unavailable' });
});
