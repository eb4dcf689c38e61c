import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { newSale, type SaleInput } from '../../src/sales/sale-edit.js';
import { connectBackend, type Backend } from '../support/backend.js';
import { times } from '../support/given.js';
import { startTestServers, type TestServers } from '../support/servers.js';

let servers: TestServers;
let backend: Backend;
const nodes: Backend[] = [];

beforeAll(async () => {
  servers = await startTestServers({ appendfsync: 'no' });
  backend = await connectBackend(servers);
});
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
});
afterAll(async () => {
  await backend.close();
  await servers.stop();
});

/** A node whose copies are cold. */
async function coldNode(): Promise<Backend & { readonly queries: () => number }> {
  const node = await connectBackend(servers);
  nodes.push(node);
  let count = 0;
  // every query that leaves the node goes through its pool
  const { pool } = node.database;
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  Object.assign(pool, {
    query: (...args: unknown[]) => {
      count += 1;
      return query(...args);
    },
  });
  return { ...node, queries: () => count };
}

const outcome = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'found',
    (error: unknown) => (error as { code: string }).code,
  );

function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

const draft = () =>
  newSale({
    name: 'Sale',
    opensAt: new Date(Date.now() - 1000).toISOString(),
    closesAt: new Date(Date.now() + 60_000).toISOString(),
    holdSeconds: 60,
    maxPerBuyer: 4,
    ticketTypes: [{ name: 'Floor', priceMinor: 100, currency: 'EUR', capacity: 10, maxPerOrder: 4 }],
  } satisfies SaleInput);

describe('a cold node', () => {
  test('when 1,000 ask at once for a sale, then Postgres is asked once', async () => {
    const { id } = await backend.openSale();
    const node = await coldNode();
    const answers = await Promise.all(times(1000, () => outcome(node.snapshots.get(id))));
    expect(tally(answers)).toEqual({ found: 1000 });
    expect(node.queries()).toBe(1);
  });

  test('when 1,000 ask at once for an id without a sale, and again, then Postgres is asked once', async () => {
    const node = await coldNode();
    const id = newId();
    for (let wave = 0; wave < 3; wave++) {
      const answers = await Promise.all(times(1000, () => outcome(node.snapshots.get(id))));
      expect(tally(answers)).toEqual({ not_found: 1000 });
    }
    expect(node.queries()).toBe(1);
  });

  test.each(['', 'x', '__proto__', '01890000-0000-7000-8000-00000000000G', `${newId()} `])(
    'when the id is %j, then Postgres is not asked',
    async (id) => {
      const node = await coldNode();
      expect(await outcome(node.snapshots.get(id))).toBe('not_found');
      expect(node.queries()).toBe(0);
    },
  );
});

describe('misses', () => {
  test('when thousands of ids are guessed, then no sale is pushed out, and the newest misses are remembered', async () => {
    const { id } = await backend.openSale();
    const node = await coldNode();
    expect(await outcome(node.snapshots.get(id))).toBe('found');
    const guesses = times(3000, () => newId());
    await Promise.all(guesses.map((guess) => outcome(node.snapshots.get(guess))));
    const before = node.queries();
    expect(before).toBe(3001);
    expect(await outcome(node.snapshots.get(id))).toBe('found'); // fresh or stale, nobody waits
    expect(await outcome(node.snapshots.get(guesses.at(-1) ?? ''))).toBe('not_found');
    expect(node.queries() - before).toBeLessThanOrEqual(1);
  });

  test('when a sale is created whose id was a miss, then it is seen at once', async () => {
    const node = await coldNode();
    const sale = draft();
    expect(await outcome(node.snapshots.get(sale.id))).toBe('not_found');
    await node.database.transaction(async (tx) => {
      await node.sales.insert(tx, sale, null);
      await node.sales.update(tx, { ...sale, status: 'open' });
    });
    await node.reload.mend(sale.id);
    expect(await outcome(node.snapshots.get(sale.id))).toBe('found');
  });

  test('when a sale is created while its absence is being read, then the miss is not kept', async () => {
    const node = await coldNode();
    const sale = draft();
    const early = outcome(node.snapshots.get(sale.id));
    await node.database.transaction(async (tx) => {
      await node.sales.insert(tx, sale, null);
      await node.sales.update(tx, { ...sale, status: 'open' });
    });
    await node.snapshots.changed(sale.id);
    expect(['found', 'not_found']).toContain(await early);
    expect(await outcome(node.snapshots.get(sale.id))).toBe('found');
  });
});
