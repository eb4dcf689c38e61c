import { Injectable } from '@nestjs/common';
import {
  attemptsUntilDead,
  notFound,
  type BuyerField,
  type PaymentMode,
  type Sale,
  type SaleStatus,
} from '../domain/index.js';
import type { SaleFields } from '../inventory/index.js';
import { AdminQueries, Database, type Queryable, type Statement } from '../postgres/index.js';

const find: Statement = {
  name: 'find-sale',
  text: `
    SELECT s.id, s.name, s.status, s.opens_at AS "opensAt", s.closes_at AS "closesAt", s.hold_seconds AS "holdSeconds",
      s.max_per_buyer AS "maxPerBuyer", s.payment, s.currency, s.buyer_fields AS "buyerFields", s.epoch, s.archived_at AS "archivedAt",
      s.created_at AS "createdAt", s.updated_at AS "updatedAt",
      (SELECT json_agg(json_build_object('id', t.id, 'name', t.name, 'priceMinor', t.price_minor, 'capacity', t.capacity,
          'taken', t.taken, 'written', t.written, 'returned', t.returned, 'maxPerOrder', t.max_per_order) ORDER BY t.position)
        FROM ticket_types t WHERE t.sale_id = s.id) AS "ticketTypes"
    FROM sales s WHERE s.id = $1`,
};

const insertSale: Statement = {
  name: 'insert-sale',
  text: `
    INSERT INTO sales (id, name, opens_at, closes_at, hold_seconds, max_per_buyer, payment, currency, buyer_fields,
      creation_key, creation_hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (creation_key) DO NOTHING RETURNING id`,
};

const insertTicketTypes: Statement = {
  name: 'insert-ticket-types',
  text: `
    INSERT INTO ticket_types (sale_id, id, position, name, price_minor, capacity, max_per_order)
    SELECT $1, * FROM unnest($2::uuid[], $3::int[], $4::text[], $5::int[], $6::int[], $7::int[])`,
};

const deleteTicketTypes: Statement = {
  name: 'delete-ticket-types',
  text: 'DELETE FROM ticket_types WHERE sale_id = $1',
};

const updateSale: Statement = {
  name: 'update-sale',
  text: `
    UPDATE sales SET name = $2, status = $3, opens_at = $4, closes_at = $5, hold_seconds = $6, max_per_buyer = $7,
      payment = $8, currency = $9, buyer_fields = $10, epoch = $11, updated_at = clock_timestamp()
    WHERE id = $1`,
};

const updateCapacities: Statement = {
  name: 'update-capacities',
  text: `
    UPDATE ticket_types t SET capacity = c.capacity
    FROM unnest($2::uuid[], $3::int[]) AS c (id, capacity) WHERE t.sale_id = $1 AND t.id = c.id`,
};

const setEpoch: Statement = { name: 'set-epoch', text: 'UPDATE sales SET epoch = $2 WHERE id = $1' };

/** First of all, so that nobody numbers returns meanwhile. */
const setLoadedEpoch: Statement = {
  name: 'set-loaded-epoch',
  text: 'UPDATE sales SET epoch = $2, loaded_epoch = $2 WHERE id = $1 RETURNING return_batch AS "returnBatch"',
};

/** What follows counts them. */
const forgetCounts: Statement = {
  name: 'forget-counts',
  text: 'UPDATE ticket_types SET written = 0, returned = 0 WHERE sale_id = $1',
};

/** In parts, by id: a statement has only so long, there may be millions, and a deliverer may delete some of them at the same time. */
const forgetReturns: Statement = {
  name: 'forget-returns',
  text: `
    WITH picked AS (
      SELECT id FROM stock_returns WHERE sale_id = $1 AND id > $2 ORDER BY id LIMIT $3
    ), forgotten AS (
      DELETE FROM stock_returns r USING picked WHERE r.id = picked.id
    )
    SELECT max(id)::text AS last FROM picked`,
};
const returnsAtOnce = 50_000;

const deleteSale: Statement = { name: 'delete-sale', text: 'DELETE FROM sales WHERE id = $1' };

const findCreation: Statement = {
  name: 'find-creation',
  text: 'SELECT id, creation_hash AS hash FROM sales WHERE creation_key = $1',
};

const findOver: Statement = {
  name: 'find-sales-over',
  text: `SELECT id FROM sales WHERE status IN ('open', 'paused') AND closes_at <= $1 ORDER BY closes_at`,
};

const liveIds: Statement = {
  name: 'live-sale-ids',
  text: `SELECT id FROM sales WHERE status <> 'draft' AND archived_at IS NULL ORDER BY id`,
};

/** What Postgres must say of a sale `s` before it is archived. */
export const isAtRest = `
  s.status = 'closed' AND s.archived_at IS NULL
    AND NOT EXISTS (SELECT FROM orders o WHERE o.sale_id = s.id AND o.status = 'reserved')
    AND NOT EXISTS (SELECT FROM dead_letters d
      WHERE d.sale_id = s.id AND d.attempts >= ${attemptsUntilDead} AND NOT d.discarded)`;

const orderAfter: Statement = {
  name: 'order-after',
  text: 'SELECT 1 FROM orders WHERE sale_id = $1 ORDER BY id OFFSET $2 LIMIT 1',
};

const resting: Statement = {
  name: 'resting-sales',
  text: `
    SELECT s.id FROM sales s
    WHERE ${isAtRest} AND s.updated_at < statement_timestamp() - $1 * interval '1 hour' AND s.id <> ALL($3::uuid[])
    ORDER BY s.updated_at LIMIT $2`,
};

/** Without a look at the orders: a million holds take as long to count as none. */
const heldTickets: Statement = {
  name: 'held-tickets',
  text: `
    SELECT t.id AS "ticketTypeId", t.taken - coalesce(
      (SELECT sum(c.tickets) FROM confirmed_tickets c WHERE c.ticket_type_id = t.id), 0) AS held
    FROM ticket_types t WHERE t.sale_id = $1`,
};

/** Asked by itself: where there is none, a Postgres that only reads is no failure. */
const typesToFold: Statement = {
  name: 'types-to-fold',
  text: 'SELECT ticket_type_id AS id FROM confirmed_tickets GROUP BY ticket_type_id HAVING count(*) > $1',
};

/** Puts one row in the place of many. Who reads meanwhile sees either; two at once find each row once. */
const foldConfirmed: Statement = {
  name: 'fold-confirmed-tickets',
  text: `
    WITH folded AS (
      DELETE FROM confirmed_tickets WHERE ticket_type_id = ANY($1::uuid[]) RETURNING ticket_type_id, tickets
    )
    INSERT INTO confirmed_tickets (ticket_type_id, tickets)
    SELECT ticket_type_id, sum(tickets) FROM folded GROUP BY ticket_type_id RETURNING ticket_type_id`,
};

/** Rows of a ticket type that are added up in microseconds. */
const fewRows = 20;

/** Both ways to read a sale, Prisma and `pg`, give this shape. */
interface SaleRow {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly opensAt: Date;
  readonly closesAt: Date;
  readonly holdSeconds: number;
  readonly maxPerBuyer: number;
  readonly payment: string;
  readonly currency: string;
  readonly buyerFields: unknown;
  readonly epoch: number;
  readonly archivedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly ticketTypes:
    | readonly {
        readonly id: string;
        readonly name: string;
        readonly priceMinor: number;
        readonly capacity: number;
        readonly taken: number;
        readonly written: number | bigint;
        readonly returned: number | bigint;
        readonly maxPerOrder: number;
      }[]
    | null;
}

/** What makes the creation of a sale repeatable: hashes of the admin's idempotency key and of the body. */
export interface Creation {
  readonly key: string;
  readonly hash: string;
}

/** Sales in Postgres. */
@Injectable()
export class SaleRepository {
  constructor(
    private readonly database: Database,
    private readonly admin: AdminQueries,
  ) {}

  async find(id: string, queryable: Queryable = this.database): Promise<Sale | null> {
    const [row] = await queryable.rows<SaleRow>(find, [id]);
    return row === undefined ? null : toSale(row);
  }

  /** Newest first, those older than `before` (an id); one more than `limit`, so that the caller sees whether there are more. */
  async list(statuses: readonly SaleStatus[], before: string | null, limit: number): Promise<Sale[]> {
    const rows = await this.admin.read((client) =>
      client.sale.findMany({
        where: { status: { in: [...statuses] }, ...(before === null ? {} : { id: { lt: before } }) },
        orderBy: { id: 'desc' },
        take: limit + 1,
        include: { ticketTypes: { orderBy: { position: 'asc' } } },
      }),
    );
    return rows.map(toSale);
  }

  /** Sales that buyers may see, and of which Redis may have orders. */
  async liveIds(): Promise<string[]> {
    return (await this.database.rows<{ id: string }>(liveIds)).map(({ id }) => id);
  }

  /** Closed sales, but for these, that nobody changed for so long and of which Postgres knows nothing that is left to do. */
  async restingIds(hours: number, limit: number, exceptIds: readonly string[]): Promise<string[]> {
    return (await this.database.rows<{ id: string }>(resting, [hours, limit, exceptIds])).map(({ id }) => id);
  }

  /** Whether a sale has more orders than that. */
  async hasMoreOrders(saleId: string, orders: number): Promise<boolean> {
    return (await this.database.rows<object>(orderAfter, [saleId, orders])).length > 0;
  }

  /** Sales that are still open or paused though their time was over at that moment. */
  async overIds(now: Date): Promise<string[]> {
    return (await this.database.rows<{ id: string }>(findOver, [now])).map(({ id }) => id);
  }

  /** Tickets of `reserved` orders by ticket type: those taken that are not confirmed. Cheap, however many there are. */
  async held(saleId: string, queryable: Queryable = this.database): Promise<Map<string, number>> {
    const rows = await queryable.rows<{ ticketTypeId: string; held: number }>(heldTickets, [saleId]);
    return new Map(rows.map((row) => [row.ticketTypeId, row.held]));
  }

  /** Adds up what confirmations have noted, so that `held` stays cheap. @returns of how many ticket types */
  async foldConfirmed(): Promise<number> {
    const types = await this.database.rows<{ id: string }>(typesToFold, [fewRows]);
    if (types.length === 0) return 0;
    return (await this.database.rows(foldConfirmed, [types.map(({ id }) => id)])).length;
  }

  /** False: a sale with this creation key is there already. */
  async insert(tx: Queryable, sale: Sale, creation: Creation | null): Promise<boolean> {
    const inserted = await tx.rows(insertSale, [
      sale.id,
      sale.name,
      sale.opensAt,
      sale.closesAt,
      sale.holdSeconds,
      sale.maxPerBuyer,
      sale.payment,
      currencyOf(sale),
      JSON.stringify(sale.buyerFields),
      creation?.key ?? null,
      creation?.hash ?? null,
    ]);
    if (inserted.length === 0) return false;
    await this.insertTicketTypes(tx, sale);
    return true;
  }

  async findCreation(key: string): Promise<{ id: string; hash: string } | null> {
    const [row] = await this.database.rows<{ id: string; hash: string }>(findCreation, [key]);
    return row ?? null;
  }

  /** Writes every field of the sale but its ticket types. */
  async update(tx: Queryable, sale: Sale): Promise<void> {
    await tx.rows(updateSale, [
      sale.id,
      sale.name,
      sale.status,
      sale.opensAt,
      sale.closesAt,
      sale.holdSeconds,
      sale.maxPerBuyer,
      sale.payment,
      currencyOf(sale),
      JSON.stringify(sale.buyerFields),
      sale.epoch,
    ]);
  }

  async updateCapacities(tx: Queryable, sale: Sale): Promise<void> {
    const ids = sale.ticketTypes.map(({ id }) => id);
    const capacities = sale.ticketTypes.map(({ capacity }) => capacity);
    await tx.rows(updateCapacities, [sale.id, ids, capacities]);
  }

  /** Only for a draft: nobody has an order in it. */
  async replaceTicketTypes(tx: Queryable, sale: Sale): Promise<void> {
    await tx.rows(deleteTicketTypes, [sale.id]);
    await this.insertTicketTypes(tx, sale);
  }

  /** Moves a sale to that epoch. */
  async setEpoch(tx: Queryable, saleId: string, epoch: number): Promise<void> {
    await tx.rows(setEpoch, [saleId, epoch]);
  }

  /**
   * Moves a sale to the epoch of a load, and forgets what moved between the servers before: the load counts it.
   * @returns the number of the last batch of returns
   */
  async beginLoad(tx: Queryable, saleId: string, epoch: number): Promise<number> {
    const [sale] = await tx.rows<{ returnBatch: number }>(setLoadedEpoch, [saleId, epoch]);
    if (sale === undefined) throw notFound('sale');
    await tx.rows(forgetCounts, [saleId]);
    for (let last: string | null = '0'; last !== null;) {
      const parts: { last: string | null }[] = await tx.rows(forgetReturns, [saleId, last, returnsAtOnce]);
      last = parts[0]?.last ?? null;
    }
    return sale.returnBatch;
  }

  async delete(tx: Queryable, saleId: string): Promise<void> {
    await tx.rows(deleteSale, [saleId]);
  }

  private async insertTicketTypes(tx: Queryable, sale: Sale): Promise<void> {
    const types = sale.ticketTypes;
    await tx.rows(insertTicketTypes, [
      sale.id,
      types.map(({ id }) => id),
      types.map((_, position) => position),
      types.map(({ name }) => name),
      types.map(({ priceMinor }) => priceMinor),
      types.map(({ capacity }) => capacity),
      types.map(({ maxPerOrder }) => maxPerOrder),
    ]);
  }
}

/** What Redis knows of a sale beside its stock. */
export function saleFields({ status, opensAt, closesAt, maxPerBuyer }: Sale): SaleFields {
  return { status, opensAt, closesAt, maxPerBuyer };
}

function currencyOf(sale: Sale): string {
  const [first] = sale.ticketTypes;
  if (first === undefined) throw new Error(`sale ${sale.id} has no ticket type`);
  return first.currency;
}

function toSale(row: SaleRow): Sale {
  const { currency, ticketTypes, ...sale } = row;
  return {
    ...sale,
    status: row.status as SaleStatus,
    payment: row.payment as PaymentMode,
    buyerFields: row.buyerFields as BuyerField[],
    ticketTypes: (ticketTypes ?? []).map(
      ({ id, name, priceMinor, capacity, taken, written, returned, maxPerOrder }) => ({
        id,
        name,
        priceMinor,
        currency,
        capacity,
        taken,
        written: Number(written),
        returned: Number(returned),
        maxPerOrder,
      }),
    ),
  };
}
