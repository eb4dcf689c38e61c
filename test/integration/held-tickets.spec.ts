import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { QueuedOrder } from '../../src/inventory/index.js';
import { migrate } from '../../src/postgres/migrate.js';
import { startBackend, type Backend } from '../support/backend.js';
import { times } from '../support/given.js';
import { draftOf, type LoadedTestSale } from '../support/loaded-sale.js';

let backend: Backend & { stop(): Promise<void> };
beforeAll(async () => {
  backend = await startBackend();
});
afterAll(() => backend.stop());

async function writtenOrders(sale: LoadedTestSale, count: number): Promise<QueuedOrder[]> {
  const orders = times(count, (i) => draftOf(sale, { buyerId: `buyer-${i}` }));
  for (const order of orders) await backend.stock.reserve(sale.id, order);
  await backend.persist.execute(
    sale.id,
    orders.map(({ id }) => id),
  );
  return orders;
}

/** Tickets of each type by what is told of them, and by the orders themselves. */
async function heldOf(sale: LoadedTestSale): Promise<{ told: number | undefined; counted: number | undefined }> {
  const [row] = await backend.sql<{ held: number }>(
    `SELECT coalesce(sum(i.quantity), 0)::int AS held FROM orders o JOIN order_items i ON i.order_id = o.id
     WHERE o.sale_id = $1 AND o.status = 'reserved'`,
    [sale.id],
  );
  return { told: (await backend.sales.held(sale.id)).get(sale.typeId), counted: row?.held };
}

async function rowsOf(sale: LoadedTestSale): Promise<number> {
  return (await backend.sql('SELECT FROM confirmed_tickets WHERE ticket_type_id = $1', [sale.typeId])).length;
}

test('when confirmations are added up while others come in, twice at once, then what is held stays right', async () => {
  const sale = await backend.openSale({ capacities: [100] });
  const orders = await writtenOrders(sale, 80);
  expect(await heldOf(sale)).toEqual({ told: 80, counted: 80 });
  const confirm = ({ id, buyerId }: QueuedOrder): Promise<unknown> => backend.claims.confirm(sale.id, id, buyerId);
  await Promise.all(orders.slice(0, 30).map(confirm));
  expect(await rowsOf(sale)).toBe(30);

  const folds = times(6, () => backend.sales.foldConfirmed());
  await Promise.all([...orders.slice(30, 60).map(confirm), ...folds]);
  expect(await heldOf(sale)).toEqual({ told: 20, counted: 20 });
  await backend.sales.foldConfirmed();
  expect(await rowsOf(sale)).toBeLessThanOrEqual(20);

  for (const { id } of orders.slice(0, 5)) await backend.claims.cancelAsAdmin(sale.id, id, 'tester');
  await backend.holds.cancel(sale.id, orders[70]?.id ?? '', ['reserved'], 'any');
  expect(await heldOf(sale)).toEqual({ told: 19, counted: 19 });
});

test('when the migration comes to a database that has confirmed orders, then they are counted', async () => {
  const sale = await backend.openSale({ capacities: [100] });
  await backend.sql(
    `DROP TRIGGER orders_confirmation ON orders; DROP FUNCTION note_confirmation; DROP TABLE confirmed_tickets`,
  );
  await backend.sql(`DELETE FROM _prisma_migrations WHERE migration_name LIKE '%_confirmed_tickets'`);
  const orders = await writtenOrders(sale, 10);
  for (const { id, buyerId } of orders.slice(0, 4)) await backend.claims.confirm(sale.id, id, buyerId);
  const { applied } = await migrate(backend.servers.databaseUrl);
  expect(applied).toEqual([expect.stringContaining('confirmed_tickets')]);
  expect(await heldOf(sale)).toEqual({ told: 6, counted: 6 });
});
