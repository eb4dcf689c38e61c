import { Redis } from 'ioredis';
import pg from 'pg';
import { Books } from '../../../src/cli/demo/books.js';
import type { OrderStatus } from '../../../src/domain/index.js';
import { saleKey, stampField } from '../../../src/redis/index.js';
import { HttpClient } from './http-client.js';
import { mayFollow, type CapacityRecord, type JournalRecord, type OrderRecord } from './journal.js';
import type { Loss, Losses } from './losses.js';
import type { ChaosSale } from './sales.js';
import { comesToRest } from './settle.js';
import type { ChaosSystem } from './system.js';

/** What must not be: broken promises by their kind, each with what is known of it. */
export const promises = ['oversold', 'lost', 'double', 'over limit', 'backward', 'stuck', 'unexpected'] as const;
export type Promised = (typeof promises)[number];

export interface Destroyed {
  readonly order: OrderRecord;
  readonly by: Loss;
}

export interface Verdict {
  readonly broken: Readonly<Record<Promised, readonly string[]>>;
  /** orders answered 202 that went with Redis's data before Postgres had them */
  readonly destroyed: readonly Destroyed[];
  /** orders in Postgres by status, and by reason of those rejected */
  readonly orders: Readonly<Record<string, number>>;
  readonly reloads: number;
}

interface Row {
  readonly id: string;
  readonly saleId: string;
  readonly buyerId: string;
  readonly status: OrderStatus;
  readonly reason: string | null;
  readonly idempotency: string | null;
  readonly tickets: number;
}

const allOrders = `
  SELECT o.id, o.sale_id AS "saleId", o.buyer_id AS "buyerId", o.status, o.reason, o.idempotency,
    (SELECT coalesce(sum(quantity), 0)::int FROM order_items WHERE order_id = o.id) AS tickets
  FROM orders o`;

/** Holds what buyers and admin were told against what both servers have, once everything has come to rest. */
export async function audit(
  system: ChaosSystem,
  sales: readonly ChaosSale[],
  journal: JournalRecord,
  losses: Losses,
): Promise<Verdict> {
  const { databaseUrl, redisUrl } = system.backends;
  const books = sales.map((sale) => new Books({ api: '', keys: system.keys, databaseUrl, redisUrl }, sale));
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  const redis = new Redis(redisUrl);
  const admin = new HttpClient(system.apiUrls[0] ?? '', { authorization: `Bearer ${system.keys.adminKey}` });
  try {
    const moving = await comesToRest(books, pool, admin);
    const { rows } = await pool.query<Row>(allOrders);
    const fates = new Fates(rows, journal, losses);
    const stock = await stockFindings(books, pool, redis, sales, journal.capacities);
    const reloads = await pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM audit_log WHERE action = 'sale.reloaded'`,
    );
    return {
      broken: {
        oversold: stock.oversold,
        lost: fates.lost,
        double: fates.doubles(),
        'over limit': fates.overLimit(),
        backward: [...journal.backward, ...fates.backward()],
        stuck: [...(moving === null ? [] : [`not at rest after a minute: ${moving}`]), ...stock.stuck],
        unexpected: [
          ...journal.unexpected,
          ...stock.wrongCapacities,
          ...fates.refusedForNothing(),
          ...[...system.apps.values()].flatMap((app) => app.crashes.map((crash) => `crashed: ${crash}`)),
        ],
      },
      destroyed: fates.destroyed,
      orders: fates.counts(),
      reloads: reloads.rows[0]?.count ?? 0,
    };
  } finally {
    redis.disconnect();
    await Promise.all([pool.end(), admin.close(), ...books.map((book) => book.close())]);
  }
}

/** What became of every order that was accepted. */
class Fates {
  readonly lost: string[] = [];
  readonly destroyed: Destroyed[] = [];
  private readonly byId: ReadonlyMap<string, Row>;

  constructor(
    private readonly rows: readonly Row[],
    private readonly journal: JournalRecord,
    private readonly losses: Losses,
  ) {
    this.byId = new Map(rows.map((row) => [row.id, row]));
    for (const order of journal.orders) this.judge(order);
  }

  /** Seen in another state than it ended in, and no way leads from the one to the other. */
  backward(): string[] {
    const byAdmin = new Set(this.journal.cancelledByAdmin);
    return this.journal.orders.flatMap((order) => {
      const end = this.byId.get(order.id)?.status;
      if (end === undefined) return [];
      const seen = Object.keys(order.seen) as OrderStatus[];
      const taken = end === 'cancelled' && seen.includes('confirmed') && !byAdmin.has(order.id);
      return taken || !seen.every((status) => mayFollow(end, status)) ? [`${told(order)}: ended ${end}`] : [];
    });
  }

  /** One idempotency key with two orders that live, or with a second one though the first was not destroyed. */
  doubles(): string[] {
    const found: string[] = [];
    const living = this.rows.filter(({ status, idempotency }) => status !== 'rejected' && idempotency !== null);
    const groups = groupBy(living, ({ saleId, idempotency }) => `${saleId} ${idempotency ?? ''}`);
    for (const group of groups.values()) {
      if (group.length > 1) found.push(`one key, ${group.map(({ id, status }) => `${id} ${status}`).join(', ')}`);
    }
    const keyed = this.journal.orders.filter(({ key }) => key !== null);
    for (const orders of groupBy(keyed, ({ key }) => key ?? '').values()) {
      const alive = orders.filter(({ id }) => (this.byId.get(id)?.status ?? 'rejected') !== 'rejected');
      const replaced = [...orders].sort((a, b) => a.answeredAt - b.answeredAt).slice(0, -1);
      if (alive.length > 1 || replaced.some((order) => this.losses.thatMayHaveTaken(order) === null)) {
        found.push(`one key, ${orders.map((order) => told(order)).join(' and ')}`);
      }
    }
    return found;
  }

  overLimit(): string[] {
    const claims = this.rows.filter(({ status }) => status === 'reserved' || status === 'confirmed');
    return [...groupBy(claims, ({ saleId, buyerId }) => `${saleId} ${buyerId}`)].flatMap(([who, orders]) => {
      const tickets = orders.reduce((sum, order) => sum + order.tickets, 0);
      const most = this.journal.limits[orders[0]?.saleId ?? ''] ?? 0;
      return tickets > most ? [`${who}: ${tickets} tickets, ${most} allowed`] : [];
    });
  }

  /** While Redis keeps its data, Postgres never has to refuse an order that Redis took. */
  refusedForNothing(): string[] {
    if (this.losses.any) return [];
    return this.rows.flatMap(({ id, status, reason }) =>
      status === 'rejected' ? [`${id}: refused by Postgres, ${reason ?? ''}`] : [],
    );
  }

  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { status, reason } of this.rows) {
      const name = reason === null ? status : `${status} ${reason}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  private judge(order: OrderRecord): void {
    const loss = this.losses.thatMayHaveTaken(order);
    if (this.byId.has(order.id)) {
      if (order.missingAt !== undefined && loss === null) this.lost.push(`${told(order)}: 404, and yet it is there`);
    } else if (loss !== null && Object.keys(order.seen).every((status) => status === 'queued')) {
      this.destroyed.push({ order, by: loss });
    } else {
      this.lost.push(`${told(order)}: nowhere`);
    }
  }
}

const typeRows = `
  SELECT t.id, t.sale_id AS "saleId", t.capacity, t.taken,
    coalesce(sum(i.quantity) FILTER (WHERE o.status IN ('reserved', 'confirmed')), 0)::int AS sold
  FROM ticket_types t LEFT JOIN order_items i ON i.ticket_type_id = t.id LEFT JOIN orders o ON o.id = i.order_id
  GROUP BY t.id`;

/** Stock that was sold twice, that is nowhere, or that nobody will ever give back. */
async function stockFindings(
  books: readonly Books[],
  pool: pg.Pool,
  redis: Redis,
  sales: readonly ChaosSale[],
  capacities: readonly CapacityRecord[],
): Promise<{ oversold: string[]; stuck: string[]; wrongCapacities: string[] }> {
  const [oversold, stuck, wrongCapacities]: [string[], string[], string[]] = [[], [], []];
  const rows = async <R extends object>(text: string): Promise<R[]> => (await pool.query<R>(text)).rows;
  const types = await rows<{ id: string; saleId: string; capacity: number; taken: number; sold: number }>(typeRows);
  for (const { id, capacity, taken, sold } of types) {
    if (sold > capacity) oversold.push(`${id}: ${sold} of ${capacity}`);
    if (sold !== taken) stuck.push(`${id}: taken ${taken}, but orders have ${sold}`);
    const asked = capacities.filter(({ ticketTypeId }) => ticketTypeId === id);
    const last = asked.findLast(({ done }) => done);
    const others = asked.filter(({ mayBeLate }) => mayBeLate).map((each) => each.capacity);
    if (last !== undefined && ![last.capacity, ...others].includes(capacity)) {
      wrongCapacities.push(`${id}: capacity ${capacity}, the admin was told ${last.capacity}`);
    }
  }
  for (const [index, sale] of sales.entries()) {
    const { drift } = (await books[index]?.audit([])) ?? { drift: 0 };
    if (drift !== 0) stuck.push(`${sale.name}: drift ${drift}`);
    const [queued, buyers] = await Promise.all([
      redis.hlen(saleKey(sale.id, 'queued')),
      redis.hgetall(saleKey(sale.id, 'buyers')),
    ]);
    if (queued > 1) stuck.push(`${sale.name}: ${queued - 1} orders in the outbox`);
    const totals = await pool.query<{ buyerId: string; tickets: number }>(
      'SELECT buyer_id AS "buyerId", tickets FROM buyer_totals WHERE sale_id = $1 AND tickets > 0',
      [sale.id],
    );
    for (const { buyerId, tickets } of totals.rows) {
      if (Number(buyers[buyerId] ?? 0) !== tickets) {
        stuck.push(`${sale.name}: ${buyerId} has ${tickets}, Redis counts ${buyers[buyerId] ?? 0}`);
      }
    }
    const counted = Object.keys(buyers).filter((buyerId) => buyerId !== stampField);
    if (counted.length > totals.rows.length) {
      stuck.push(`${sale.name}: Redis counts ${counted.length} buyers, Postgres ${totals.rows.length}`);
    }
  }
  for (const { count, what } of await rows<{ count: number; what: string }>(`
    SELECT count(*)::int, 'returns' AS what FROM stock_returns UNION ALL SELECT count(*)::int, 'dead letters' FROM dead_letters`)) {
    if (count > 0) stuck.push(`${count} ${what}`);
  }
  return { oversold, stuck, wrongCapacities };
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** All that its buyer knows of an order. */
function told({ id, saleId, buyerId, sentAt, answeredAt, seen, missingAt }: OrderRecord): string {
  const statuses = Object.entries(seen).map(([status, { first, last }]) => `${status} ${first}–${last}`);
  const missing = missingAt === undefined ? [] : [`404 ${missingAt}`];
  return `${id} (sale ${saleId}, ${buyerId}) 202 ${sentAt}–${answeredAt}, ${[...statuses, ...missing].join(', ')}`;
}
