import { Injectable } from '@nestjs/common';
import type { OrderStatus, Sale } from '../domain/index.js';
import { StockStore, type Inspection } from '../inventory/index.js';
import type { Queryable, Statement } from '../postgres/index.js';

const undelivered: Statement = {
  name: 'undelivered-returns',
  text: `
    SELECT r.id::text AS id, r.epoch, i.ticket_type_id AS "ticketTypeId", i.quantity
    FROM stock_returns r JOIN order_items i ON i.order_id = r.order_id WHERE r.sale_id = $1`,
};

const statuses: Statement = {
  name: 'order-statuses',
  text: 'SELECT id, status FROM orders WHERE id = ANY($1::uuid[])',
};

/** Where every ticket of one type is. */
export interface StockFigures {
  readonly ticketTypeId: string;
  readonly capacity: number;
  readonly available: number;
  /** in the outbox and not in Postgres */
  readonly queued: number;
  readonly taken: number;
  /** given back by Postgres, or refused by it, and not in Redis yet */
  readonly returning: number;
  /** capacity − available − queued − taken − returning: anything but 0 is stock that was lost or made up */
  readonly drift: number;
}

export interface StockReading {
  readonly figures: readonly StockFigures[];
  /** Redis has the sale, at Postgres's epoch, all keys of it, and nothing drifts */
  readonly well: boolean;
  /** Redis has the sale, at Postgres's epoch, and all keys of it */
  readonly sound: boolean;
  readonly inspection: Inspection;
}

/**
 * Reads a sale's stock in both stores. Under the gate, held exclusively, the reading is exact: nobody writes orders or
 * gives tickets back meanwhile (cancel and expire hold it shared), and everything in Redis is read at one instant.
 */
@Injectable()
export class StockReader {
  constructor(private readonly stock: StockStore) {}

  async read(tx: Queryable, sale: Sale): Promise<StockReading> {
    const returns = await tx.rows<{ id: string; epoch: number; ticketTypeId: string; quantity: number }>(undelivered, [
      sale.id,
    ]);
    const written = (await this.stock.isTrusted(sale.id))
      ? await this.writtenOfOutbox(tx, sale.id)
      : new Map<string, OrderStatus>(); // to be reloaded in any case, and there may be many
    const returnIds = [...new Set(returns.map(({ id }) => id))];
    const writtenIds = [...written.keys()];
    const inspection = inspectionOf(sale, await this.stock.inspect(sale.id, returnIds, writtenIds));

    const returning = new Tally();
    const given = new Set(returnIds.filter((_, index) => inspection.returned[index] === true));
    for (const row of returns) {
      if (row.epoch === sale.epoch && !given.has(row.id)) returning.add(row.ticketTypeId, row.quantity);
    }
    const settling = new Tally();
    for (const entry of inspection.entries) {
      for (const { ticketTypeId, quantity } of entry?.items ?? []) {
        settling.add(ticketTypeId, quantity);
        if (entry !== null && written.get(entry.id) === 'rejected') returning.add(ticketTypeId, quantity);
      }
    }

    const figures = sale.ticketTypes.map(({ id, capacity, taken }): StockFigures => {
      const available = inspection.available.get(id) ?? 0;
      const queued = (inspection.queued.get(id) ?? 0) - settling.of(id);
      const drift = capacity - available - queued - taken - returning.of(id);
      return { ticketTypeId: id, capacity, available, queued, taken, returning: returning.of(id), drift };
    });
    const sound = inspection.sound && inspection.epoch === sale.epoch;
    return { figures, sound, well: sound && figures.every(({ drift }) => drift === 0), inspection };
  }

  private async writtenOfOutbox(tx: Queryable, saleId: string): Promise<Map<string, OrderStatus>> {
    const written = new Map<string, OrderStatus>();
    for await (const ids of this.stock.outboxIds(saleId)) {
      for (const [id, status] of await this.written(tx, ids)) written.set(id, status);
    }
    return written;
  }

  /** Those of the orders that Postgres has, with their status. */
  async written(tx: Queryable, orderIds: readonly string[]): Promise<Map<string, OrderStatus>> {
    const rows = await tx.rows<{ id: string; status: OrderStatus }>(statuses, [orderIds]);
    return new Map(rows.map(({ id, status }) => [id, status]));
  }
}

/**
 * What Redis said of a sale. Of an archived one it has nothing, and nobody is at work: all that is not taken is there, and nothing
 * can drift.
 */
export function inspectionOf(sale: Sale, inspection: Inspection): Inspection {
  if (sale.archivedAt === null) return inspection;
  const available = new Map(sale.ticketTypes.map(({ id, capacity, taken }) => [id, capacity - taken]));
  const empty = { queued: new Map<string, number>(), outboxSize: 0, oldestAt: null, entries: [] };
  return { ...inspection, ...empty, epoch: sale.epoch, sound: true, available };
}

/** Sums by ticket type. */
export class Tally {
  private readonly sums = new Map<string, number>();

  add(id: string, quantity: number): void {
    this.sums.set(id, this.of(id) + quantity);
  }

  of(id: string): number {
    return this.sums.get(id) ?? 0;
  }
}
