import { Injectable, Logger } from '@nestjs/common';
import { attemptsUntilDead, isId, type OrderItem, type OrderStatus, type RejectReason } from '../domain/index.js';
import { StockStore, ticketsOf, type OutboxEntry } from '../inventory/index.js';
import {
  brokenRule,
  isRefusal,
  longPatienceMs,
  rollbackToSavepoint,
  SaleGate,
  savepoint,
  type Queryable,
  type Statement,
} from '../postgres/index.js';
import { SaleTallies } from './sale-tallies.js';

/** How long one transaction may look for orders that Postgres refuses: others wait at the gate. */
const refusingMs = 200;

const incoming = `
  unnest($2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::jsonb[], $7::text[], $8::text[], $9::timestamptz[], $10::int[])
    AS o (id, buyer_id, total_minor, currency, answers, idempotency, body_hash, created_at, max_per_buyer)`;

const incomingItems = `
  unnest($11::uuid[], $12::uuid[], $13::int[], $14::int[], $15::int[])
    AS i (order_id, ticket_type_id, position, quantity, unit_price_minor)`;

/**
 * Writes a whole batch, or tells why it does not fit: orders that are not there yet, their items, the buyers' totals up to
 * their limits, the tickets up to the capacity. The hold starts here, by Postgres's clock. A statement whose answer is
 * not "fits" must be rolled back. Source: docs/protocol.md, "persist".
 */
const write: Statement = {
  name: 'write-orders',
  text: `
    WITH fresh AS (
      INSERT INTO orders (id, sale_id, buyer_id, status, total_minor, currency, answers, idempotency, body_hash,
        max_per_buyer, hold_expires_at, created_at, updated_at)
      SELECT o.id, s.id, o.buyer_id, 'reserved', o.total_minor, o.currency, o.answers, o.idempotency, o.body_hash,
        o.max_per_buyer, clock.now + s.hold_seconds * interval '1 second', o.created_at, clock.now
      FROM ${incoming} CROSS JOIN (SELECT clock_timestamp() AS now) clock JOIN sales s ON s.id = $1
      WHERE NOT EXISTS (SELECT FROM dead_letters d WHERE d.id = o.id AND d.discarded)
      ON CONFLICT DO NOTHING RETURNING id
    ), revived AS (
      DELETE FROM dead_letters d USING fresh WHERE d.id = fresh.id
    ), items AS (
      INSERT INTO order_items (order_id, ticket_type_id, position, quantity, unit_price_minor)
      SELECT i.* FROM ${incomingItems} JOIN fresh ON fresh.id = i.order_id
      RETURNING order_id, ticket_type_id, quantity
    ), by_buyer AS (
      SELECT o.buyer_id, sum(items.quantity)::int AS tickets, min(o.max_per_buyer) AS most
      FROM ${incoming} JOIN items ON items.order_id = o.id GROUP BY o.buyer_id
    ), buyers AS (
      -- an update that joins buyer_totals would be planned to read all of the sale's
      INSERT INTO buyer_totals AS t (sale_id, buyer_id, tickets)
      SELECT $1, b.buyer_id, b.tickets FROM by_buyer b WHERE b.tickets <= b.most
      ON CONFLICT (sale_id, buyer_id) DO UPDATE SET tickets = t.tickets + excluded.tickets
      WHERE t.tickets + excluded.tickets <= (SELECT b.most FROM by_buyer b WHERE b.buyer_id = excluded.buyer_id)
        -- an order that was accepted later, under a higher limit, may have been written before this one
        OR t.tickets + excluded.tickets <= (SELECT max(o.max_per_buyer) FROM orders o
          WHERE o.sale_id = $1 AND o.buyer_id = excluded.buyer_id AND o.status IN ('reserved', 'confirmed'))
      RETURNING 1
    ), by_type AS (
      SELECT ticket_type_id, sum(quantity)::int AS tickets FROM items GROUP BY ticket_type_id
    ), types AS (
      UPDATE ticket_types t SET taken = t.taken + b.tickets, written = t.written + b.tickets FROM by_type b
      WHERE t.id = b.ticket_type_id AND t.sale_id = $1 AND t.taken + b.tickets <= t.capacity RETURNING 1
    )
    SELECT ARRAY(SELECT id::text FROM fresh) AS fresh,
      (SELECT count(*) FROM types) = (SELECT count(*) FROM by_type) AS "inStock",
      (SELECT count(*) FROM buyers) = (SELECT count(*) FROM by_buyer) AS "withinLimit"`,
};

/** Writes orders that take nothing. */
const reject: Statement = {
  name: 'reject-orders',
  text: `
    WITH fresh AS (
      INSERT INTO orders (id, sale_id, buyer_id, status, reason, total_minor, currency, answers, idempotency, body_hash,
        max_per_buyer, created_at, updated_at)
      SELECT o.id, $1, o.buyer_id, 'rejected', $16, o.total_minor, o.currency, o.answers, o.idempotency, o.body_hash,
        o.max_per_buyer, o.created_at, clock_timestamp()
      FROM ${incoming} ON CONFLICT (id) DO NOTHING RETURNING id
    ), buried AS (
      DELETE FROM dead_letters d USING fresh WHERE d.id = fresh.id
    ), items AS (
      INSERT INTO order_items (order_id, ticket_type_id, position, quantity, unit_price_minor)
      SELECT i.* FROM ${incomingItems} JOIN fresh ON fresh.id = i.order_id
    )
    SELECT id::text AS id FROM fresh`,
};

/** They pass through Postgres without being taken: written and given back at once. */
const countRejected: Statement = {
  name: 'count-rejected',
  text: `
    UPDATE ticket_types t SET written = t.written + b.tickets, returned = t.returned + b.tickets
    FROM (SELECT ticket_type_id, sum(quantity) AS tickets FROM unnest($2::uuid[], $3::int[]) AS i (ticket_type_id, quantity)
      GROUP BY ticket_type_id) b
    WHERE t.sale_id = $1 AND t.id = b.ticket_type_id`,
};

/** What decides which orders of a batch fit: under the gate it stays so. */
const roomLeft: Statement = {
  name: 'room-left',
  text: `
    SELECT (SELECT json_object_agg(id, capacity - taken) FROM ticket_types WHERE sale_id = $1) AS types,
      (SELECT coalesce(json_object_agg(buyer_id, tickets), '{}') FROM buyer_totals
        WHERE sale_id = $1 AND buyer_id = ANY($2)) AS buyers,
      (SELECT coalesce(json_object_agg(buyer_id, most), '{}') FROM (
        SELECT buyer_id, max(max_per_buyer) AS most FROM orders
        WHERE sale_id = $1 AND buyer_id = ANY($2) AND status IN ('reserved', 'confirmed') GROUP BY buyer_id) live) AS limits,
      ARRAY(SELECT id::text FROM orders WHERE id = ANY($3::uuid[])
        UNION ALL SELECT id::text FROM dead_letters WHERE id = ANY($3::uuid[]) AND discarded) AS known,
      ARRAY(SELECT idempotency FROM orders
        WHERE sale_id = $1 AND idempotency = ANY($4) AND reason IS DISTINCT FROM 'duplicate') AS keys`,
};

interface RoomLeft {
  readonly types: Readonly<Record<string, number>>;
  readonly buyers: Readonly<Record<string, number>>;
  readonly limits: Readonly<Record<string, number>>;
  readonly known: readonly string[];
  readonly keys: readonly string[];
}

const statuses: Statement = {
  name: 'written-orders',
  text: `
    SELECT id, status FROM orders WHERE id = ANY($1::uuid[])
    UNION ALL SELECT id, 'discarded' FROM dead_letters WHERE id = ANY($1::uuid[]) AND discarded`,
};

const countFailure: Statement = {
  name: 'count-failure',
  text: `
    INSERT INTO dead_letters AS d (id, sale_id, payload, error, attempts) VALUES ($1, $2, $3, $4, 1)
    ON CONFLICT (id) DO UPDATE SET attempts = d.attempts + 1, error = excluded.error
    RETURNING attempts, discarded`,
};

interface Written {
  readonly id: string;
  readonly status: OrderStatus;
  /** by this transaction, not by one before */
  readonly now?: true;
}

/** Postgres will not take an order; it may be tried again. The message is the rule that it breaks. */
export class OrderRefused extends Error {}

/** What became of a batch. */
interface Outcome {
  readonly written: readonly Written[];
  /** for the next transaction: this one has held the gate for long enough */
  readonly left: readonly OutboxEntry[];
  /** what Postgres said of orders that it will not take and that may be tried again */
  readonly failures: readonly unknown[];
}

/** A dead letter that an admin gave up. */
interface Discarded {
  readonly id: string;
  readonly status: 'discarded';
}

/**
 * Writes orders of the outbox to Postgres and ends their time in the outbox. The same orders may come any number of times,
 * also at once: what is written is only settled again.
 */
@Injectable()
export class PersistOrders {
  private readonly logger = new Logger(PersistOrders.name);

  constructor(
    private readonly gate: SaleGate,
    private readonly stock: StockStore,
    private readonly tallies: SaleTallies,
  ) {}

  /**
   * @throws DomainError `unavailable` when a server is down (nothing or all of it happened), and the rule that breaks an
   *   order that it will not take: the others are then written, and the order is a dead letter once it failed five times
   */
  async execute(saleId: string, orderIds: readonly string[]): Promise<void> {
    const failures: unknown[] = [];
    for (let ids = orderIds; ids.length > 0;) {
      const outcome = await this.persist(saleId, ids, (tx, entries) =>
        this.write(tx, saleId, entries, performance.now() + refusingMs),
      );
      failures.push(...outcome.failures);
      ids = outcome.left.map(({ id }) => id);
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Ends orders that nobody shall have. One that was written before stays as it is. @throws DomainError `unavailable` */
  async reject(saleId: string, orderIds: readonly string[], reason: RejectReason): Promise<void> {
    await this.persist(saleId, orderIds, async (tx, entries) => {
      const rows = await tx.rows<Written | Discarded>(statuses, [entries.map(({ id }) => id)]);
      const known = rows.filter((order) => order.status !== 'discarded');
      const others = entries.filter((entry) => !known.some(({ id }) => id === entry.id));
      return written(known.concat(await this.writeRejected(tx, saleId, others, reason)));
    });
  }

  private async persist(
    saleId: string,
    orderIds: readonly string[],
    write: (tx: Queryable, entries: readonly OutboxEntry[]) => Promise<Outcome>,
  ): Promise<Outcome> {
    const { outcome, takenAt } = await this.gate.exclusive(saleId, longPatienceMs, async (tx) => {
      // Only now: a reload that came first has counted these orders as in the outbox, one that comes later waits for us.
      const entries = await this.stock.entries(saleId, [...new Set(orderIds)]);
      entries.sort((a, b) => a.takenAt.getTime() - b.takenAt.getTime() || (a.id < b.id ? -1 : 1));
      const done = await write(tx, entries);
      const fresh = new Set(done.written.filter((order) => order.now).map(({ id }) => id));
      return { outcome: done, takenAt: entries.filter(({ id }) => fresh.has(id)).map((entry) => entry.takenAt) };
    });
    this.tallies.written(saleId, takenAt);
    // Dies before this line? The job comes again, finds its orders written, and settles them.
    if (outcome.written.length > 0) await this.stock.settle(saleId, outcome.written);
    return outcome;
  }

  /**
   * The batch at once where it fits. Where stock or a limit is short, the orders that come first get it and the others are rejected.
   * Where Postgres refuses the values of some order, its halves, down to that order: at most until `untilMs`, for others wait at the gate.
   */
  private async write(
    tx: Queryable,
    saleId: string,
    entries: readonly OutboxEntry[],
    untilMs: number,
  ): Promise<Outcome> {
    const [first] = entries;
    if (first === undefined) return written([]);
    await tx.rows(savepoint);
    const outcome = await this.tryWrite(tx, saleId, entries);
    if (outcome.kind === 'fits') return written(await this.withOthers(tx, saleId, entries, outcome.fresh));
    await tx.rows(rollbackToSavepoint);
    if (entries.length === 1) return this.refuse(tx, saleId, first, outcome);
    if (outcome.kind !== 'refused') {
      const { fit, rejected } = await this.choose(tx, saleId, entries);
      if (rejected.length > 0) {
        const refused: Written[] = [];
        for (const reason of ['sold_out', 'limit_exceeded'] as const) {
          const those = rejected.filter((one) => one.reason === reason).map(({ entry }) => entry);
          refused.push(...(await this.writeRejected(tx, saleId, those, reason)));
        }
        const others = await this.write(tx, saleId, fit, untilMs);
        return { ...others, written: [...refused, ...others.written] };
      }
    }
    const middle = Math.ceil(entries.length / 2);
    const half = await this.write(tx, saleId, entries.slice(0, middle), untilMs);
    const rest = entries.slice(middle);
    if (performance.now() > untilMs) return { ...half, left: [...half.left, ...rest] };
    const other = await this.write(tx, saleId, rest, untilMs);
    return {
      written: [...half.written, ...other.written],
      left: [...half.left, ...other.left],
      failures: [...half.failures, ...other.failures],
    };
  }

  /** What becomes of the one order that does not fit. */
  private async refuse(
    tx: Queryable,
    saleId: string,
    entry: OutboxEntry,
    outcome: { kind: 'sold_out' | 'limit_exceeded' } | { kind: 'refused'; error: unknown },
  ): Promise<Outcome> {
    if (outcome.kind !== 'refused') return written(await this.writeRejected(tx, saleId, [entry], outcome.kind));
    // values are refused before anybody sees that the order is there: it was ended without them, and not settled
    const [known] = await tx.rows<Written | Discarded>(statuses, [[entry.id]]);
    if (known !== undefined && known.status !== 'discarded') return written([known]);
    const { attempts, discarded } = await countRefusal(tx, saleId, entry, outcome.error);
    if (discarded) return written(await this.writeRejected(tx, saleId, [entry], 'discarded'));
    const isDead = attempts >= attemptsUntilDead;
    // not Postgres's words: they may have the buyer's answers in them
    const code = (outcome.error as { code?: unknown }).code;
    const facts = { orderId: entry.id, saleId, attempts, code };
    this.logger.warn({ msg: isDead ? 'order is a dead letter' : 'order was refused by PostgreSQL', ...facts });
    // BullMQ keeps and logs it
    return { written: [], left: [], failures: isDead ? [] : [new OrderRefused(brokenRule(outcome.error))] };
  }

  /** Which orders of a batch get what is left, first come first served. Those that take nothing (written before, doubled) fit. */
  private async choose(
    tx: Queryable,
    saleId: string,
    entries: readonly OutboxEntry[],
  ): Promise<{ fit: OutboxEntry[]; rejected: { entry: OutboxEntry; reason: 'sold_out' | 'limit_exceeded' }[] }> {
    const [room] = await tx.rows<RoomLeft>(roomLeft, [
      saleId,
      entries.map(({ buyerId }) => buyerId),
      entries.map(({ id }) => id),
      entries.flatMap(({ idempotency }) => idempotency ?? []),
    ]);
    if (room === undefined) throw new Error('room-left: no answer');
    const types = new Map(Object.entries(room.types));
    const buyers = new Map(Object.entries(room.buyers));
    const limits = new Map(Object.entries(room.limits));
    const [known, keys] = [new Set(room.known), new Set(room.keys)];
    const fit: OutboxEntry[] = [];
    const rejected: { entry: OutboxEntry; reason: 'sold_out' | 'limit_exceeded' }[] = [];
    for (const entry of entries) {
      const { id, buyerId, items, idempotency, maxPerBuyer } = entry;
      const takesNothing = known.has(id) || (idempotency !== undefined && keys.has(idempotency));
      const limit = Math.max(maxPerBuyer, limits.get(buyerId) ?? 0);
      const tickets = (buyers.get(buyerId) ?? 0) + ticketsOf(entry);
      if (takesNothing) {
        fit.push(entry);
      } else if (items.some(({ ticketTypeId, quantity }) => quantity > (types.get(ticketTypeId) ?? 0))) {
        rejected.push({ entry, reason: 'sold_out' });
      } else if (tickets > limit) {
        rejected.push({ entry, reason: 'limit_exceeded' });
      } else {
        fit.push(entry);
        buyers.set(buyerId, tickets);
        limits.set(buyerId, limit);
        for (const { ticketTypeId, quantity } of items) {
          types.set(ticketTypeId, (types.get(ticketTypeId) ?? 0) - quantity);
        }
      }
      if (idempotency !== undefined) keys.add(idempotency);
    }
    return { fit, rejected };
  }

  private async tryWrite(
    tx: Queryable,
    saleId: string,
    entries: readonly OutboxEntry[],
  ): Promise<
    | { kind: 'fits'; fresh: ReadonlySet<string> }
    | { kind: 'sold_out' | 'limit_exceeded' }
    | { kind: 'refused'; error: unknown }
  > {
    try {
      const [answer] = await tx.rows<{ fresh: string[]; inStock: boolean; withinLimit: boolean }>(write, [
        saleId,
        ...orderColumns(entries),
        ...itemColumns(entries),
      ]);
      if (answer === undefined) throw new Error('write-orders: no answer');
      if (!answer.inStock) return { kind: 'sold_out' };
      if (!answer.withinLimit) return { kind: 'limit_exceeded' };
      return { kind: 'fits', fresh: new Set(answer.fresh) };
    } catch (error) {
      if (isRefusal(error)) return { kind: 'refused', error };
      throw error;
    }
  }

  /** Beside the fresh orders: those that were written before, and those whose idempotency key another order has. */
  private async withOthers(
    tx: Queryable,
    saleId: string,
    entries: readonly OutboxEntry[],
    fresh: ReadonlySet<string>,
  ): Promise<Written[]> {
    const written: Written[] = [...fresh].map((id) => ({ id, status: 'reserved', now: true }));
    const others = entries.filter(({ id }) => !fresh.has(id));
    if (others.length === 0) return written;
    const known = await tx.rows<Written | Discarded>(statuses, [others.map(({ id }) => id)]);
    const byId = new Map(known.map(({ id, status }) => [id, status]));
    return written.concat(
      known.filter((order) => order.status !== 'discarded'),
      await this.writeRejected(
        tx,
        saleId,
        others.filter(({ id }) => !byId.has(id)),
        'duplicate',
      ),
      await this.writeRejected(
        tx,
        saleId,
        others.filter(({ id }) => byId.get(id) === 'discarded'),
        'discarded',
      ),
    );
  }

  private async writeRejected(
    tx: Queryable,
    saleId: string,
    entries: readonly OutboxEntry[],
    reason: RejectReason,
  ): Promise<Written[]> {
    if (entries.length === 0) return [];
    await tx.rows(savepoint);
    let fresh = await this.tryReject(tx, saleId, entries, reason);
    if (fresh === null) {
      fresh = [];
      for (const entry of entries) fresh.push(...(await this.writeRejectedOne(tx, saleId, entry, reason)));
    }
    // those that Postgres had are counted already, and of damaged ones only what can be counted
    const ids = new Set(fresh);
    const items = entries.flatMap((entry) => (ids.has(entry.id) ? entry.items.filter(isCountable) : []));
    const [types, quantities] = [items.map(({ ticketTypeId }) => ticketTypeId), items.map(({ quantity }) => quantity)];
    await tx.rows(countRejected, [saleId, types, quantities]);
    for (const { id } of entries) this.logger.warn({ msg: 'order ends as rejected', orderId: id, saleId, reason });
    return entries.map(({ id }) => ({ id, status: 'rejected', now: true }));
  }

  /** Without what Postgres refuses of it, if need be: the order itself must end. */
  private async writeRejectedOne(
    tx: Queryable,
    saleId: string,
    entry: OutboxEntry,
    reason: RejectReason,
  ): Promise<readonly string[]> {
    const { idempotency: _key, ...keyless } = entry; // another order may have the key
    const bare = { ...keyless, items: [], answers: {}, totalMinor: 0 };
    await tx.rows(savepoint);
    for (const form of [entry, keyless]) {
      const fresh = await this.tryReject(tx, saleId, [form], reason);
      if (fresh !== null) return fresh;
    }
    return idsOf(await tx.rows<{ id: string }>(reject, rejectValues(saleId, [bare], reason)));
  }

  /**
   * @returns those that Postgres did not have; null: it refuses the values of one of them, and nothing was written since the last
   *   savepoint
   */
  private async tryReject(
    tx: Queryable,
    saleId: string,
    entries: readonly OutboxEntry[],
    reason: RejectReason,
  ): Promise<string[] | null> {
    try {
      return idsOf(await tx.rows<{ id: string }>(reject, rejectValues(saleId, entries, reason)));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await tx.rows(rollbackToSavepoint);
      return null;
    }
  }
}

function idsOf(rows: readonly { readonly id: string }[]): string[] {
  return rows.map(({ id }) => id);
}

function isCountable({ ticketTypeId, quantity }: OrderItem): boolean {
  return isId(ticketTypeId) && Number.isSafeInteger(quantity) && quantity > 0;
}

function rejectValues(saleId: string, entries: readonly OutboxEntry[], reason: RejectReason): unknown[] {
  return [saleId, ...orderColumns(entries), ...itemColumns(entries), reason];
}

function written(orders: readonly Written[]): Outcome {
  return { written: orders, left: [], failures: [] };
}

/** Counts that an order failed alone. @returns how often it did, and whether an admin has given it up meanwhile */
async function countRefusal(
  tx: Queryable,
  saleId: string,
  entry: OutboxEntry,
  error: unknown,
): Promise<{ readonly attempts: number; readonly discarded: boolean }> {
  const values = [entry.id, saleId, JSON.stringify(entry), brokenRule(error)];
  const [row] = await tx.rows<{ attempts: number; discarded: boolean }>(countFailure, values);
  if (row === undefined) throw new Error('count-failure: no answer');
  return row;
}

/** $2 to $10 of the statements above. */
function orderColumns(entries: readonly OutboxEntry[]): unknown[] {
  return [
    entries.map(({ id }) => id),
    entries.map(({ buyerId }) => buyerId),
    entries.map(({ totalMinor }) => totalMinor),
    entries.map(({ currency }) => currency),
    entries.map(({ answers }) => JSON.stringify(answers)),
    entries.map(({ idempotency }) => idempotency ?? null),
    entries.map(({ bodyHash }) => bodyHash ?? null),
    entries.map(({ takenAt }) => takenAt),
    entries.map(({ maxPerBuyer }) => maxPerBuyer),
  ];
}

/** $11 to $15. */
function itemColumns(entries: readonly OutboxEntry[]): unknown[] {
  const items = entries.flatMap((entry) =>
    entry.items.map((item, position) => ({ ...item, orderId: entry.id, position })),
  );
  return [
    items.map(({ orderId }) => orderId),
    items.map(({ ticketTypeId }) => ticketTypeId),
    items.map(({ position }) => position),
    items.map(({ quantity }) => quantity),
    items.map(({ unitPriceMinor }) => unitPriceMinor),
  ];
}
