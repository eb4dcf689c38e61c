import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Database } from '../../src/postgres/index.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';
import { times } from '../support/given.js';

let server: TestDatabase;
let database: Database;

beforeAll(async () => {
  server = await createTestDatabase({ empty: true });
  database = new Database(server.url, () => undefined);
});

afterAll(async () => {
  await database.close();
  await server.drop();
});

test('when every connection is busy, then Postgres is still known to be there', async () => {
  let busy = 0;
  const work = times(20, async () => {
    busy += 1;
    await database.rows({ name: 'sleep', text: 'SELECT pg_sleep(1)' });
    busy -= 1;
  });
  await database.ping();
  expect(busy).toBe(20);
  await Promise.all(work);
});

test('when a lone statement takes longer than its bound, then nothing was done, and the next one is not bound', async () => {
  await database.rows({ name: 'make', text: 'CREATE TABLE things (id int)' });
  expect(await database.brief('INSERT INTO things SELECT 1 FROM pg_sleep(1) RETURNING id', 20)).toBeNull();
  expect(await database.brief('INSERT INTO things VALUES (2) RETURNING id', 5000)).toEqual([{ id: 2 }]);
  expect(await database.rows({ name: 'read', text: 'SELECT id FROM things, pg_sleep(0.05)' })).toEqual([{ id: 2 }]);
});
