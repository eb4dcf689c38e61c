import type { PoolClient } from 'pg';
import type { SqlStrategy } from './race.js';

/** The show of which tickets are sold, and who has one. */
export const schema = `
  CREATE SCHEMA IF NOT EXISTS races;
  CREATE TABLE IF NOT EXISTS races.shows (id int PRIMARY KEY, capacity int NOT NULL, taken int NOT NULL) WITH (fillfactor = 50);
  CREATE TABLE IF NOT EXISTS races.tickets (
    id bigserial PRIMARY KEY, show_id int NOT NULL REFERENCES races.shows (id), buyer_id text NOT NULL,
    sold_at timestamptz NOT NULL DEFAULT clock_timestamp())`;

export const newShow = `
  TRUNCATE races.shows, races.tickets;
  INSERT INTO races.shows (id, capacity, taken) VALUES (1, $capacity, 0)`;

const read = { name: 'read', text: 'SELECT capacity, taken FROM races.shows WHERE id = 1' };
const readAndLock = { name: 'read-and-lock', text: 'SELECT capacity, taken FROM races.shows WHERE id = 1 FOR UPDATE' };
const write = { name: 'write', text: 'UPDATE races.shows SET taken = $1 WHERE id = 1' };
const takeOne = {
  name: 'take-one',
  text: 'UPDATE races.shows SET taken = taken + 1 WHERE id = 1 AND taken < capacity',
};
const sell = { name: 'sell', text: 'INSERT INTO races.tickets (show_id, buyer_id) VALUES (1, $1)' };

interface Show {
  readonly capacity: number;
  readonly taken: number;
}

/** Each sells one ticket inside a transaction. @returns false when there is none left */
export const sellOne: Readonly<Record<SqlStrategy, (client: PoolClient, buyerId: string) => Promise<boolean>>> = {
  /** As an ORM has it: load the show, look, change the number, save. Between reading and writing others read the same number. */
  'read-check-write': (client, buyerId) => readThenWrite(client, read, buyerId),

  /** The same, but whoever reads makes all others wait until he has written. */
  'select-for-update': (client, buyerId) => readThenWrite(client, readAndLock, buyerId),

  /** Looks and changes in one statement, so that nobody can come in between. */
  async 'conditional-update'(client, buyerId) {
    const { rowCount } = await client.query(takeOne);
    if (rowCount !== 1) return false;
    await client.query({ ...sell, values: [buyerId] });
    return true;
  },
};

async function readThenWrite(
  client: PoolClient,
  how: { name: string; text: string },
  buyerId: string,
): Promise<boolean> {
  const { rows } = await client.query<Show>(how);
  const { capacity = 0, taken = 0 } = rows[0] ?? {};
  if (taken >= capacity) return false;
  await client.query({ ...sell, values: [buyerId] });
  await client.query({ ...write, values: [taken + 1] });
  return true;
}
