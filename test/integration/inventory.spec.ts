import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SaleFiguresReader } from '../../src/sales/sale-figures.js';
import { SaleQueries } from '../../src/sales/index.js';
import { StockReader, type StockReading } from '../../src/sales/stock-reader.js';
import { startBackend } from '../support/backend.js';
import { draftOf } from '../support/loaded-sale.js';
import { until } from '../support/until.js';

let backend: Awaited<ReturnType<typeof startBackend>>;

beforeAll(async () => {
  backend = await startBackend();
});

afterAll(() => backend.stop());

/** Does something between the inventory's look at the sale and its look at the stock. */
class InterruptedReader extends StockReader {
  meanwhile: () => Promise<void> = async () => undefined;

  override async read(...args: Parameters<StockReader['read']>): Promise<StockReading> {
    await this.meanwhile();
    return super.read(...args);
  }
}

test('when an order is cancelled while the inventory is read, then no ticket is told that is not there', async () => {
  const sale = await backend.openSale({ capacities: [10] });
  const order = draftOf(sale, { quantities: [2] });
  await backend.stock.reserve(sale.id, order);
  await backend.persist.execute(sale.id, [order.id]);
  const reader = new InterruptedReader(backend.stock);
  const figures = new SaleFiguresReader(backend.stock, backend.sales);
  const queries = new SaleQueries(backend.gate, backend.sales, backend.snapshots, figures, reader);
  let cancelling: Promise<unknown> = Promise.resolve();
  reader.meanwhile = async () => {
    let isDone = false;
    cancelling = backend.claims.cancel(sale.id, order.id, order.buyerId).then(() => (isDone = true));
    // it either gets through or waits for the gate
    await until(async () => {
      const waiting = await backend.sql(
        `SELECT FROM pg_locks JOIN pg_database d ON d.oid = database AND d.datname = current_database()
          WHERE locktype = 'advisory' AND NOT granted`,
      );
      return isDone || waiting.length > 0;
    });
  };

  const { ticketTypes } = await queries.inventory(sale.id);
  await cancelling;

  expect(ticketTypes).toEqual([
    { ticketTypeId: sale.typeId, capacity: 10, available: 8, queued: 0, reserved: 2, confirmed: 0, drift: 0 },
  ]);
});
