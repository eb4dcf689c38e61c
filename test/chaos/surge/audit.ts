import { Redis } from 'ioredis';
import pg from 'pg';
import { Books } from '../../../src/cli/demo/books.js';
import type { OrderStatus } from '../../../src/domain/index.js';
import { groupBy } from './group-by.js';
import { healthyFigures, type HealthyFigures } from './healthy-figures.js';
import { HttpClient } from './http-client.js';
import { mayFollow, type JournalRecord, type OrderRecord } from './journal.js';
import type { Loss, Losses } from './losses.js';
import { listRefunds, moneyFindings, type ListedRefund } from './payment-audit.js';
import type { ChaosSale } from './sales.js';
import { comesToRest } from './settle.js';
import { stockFindings } from './stock-audit.js';
import type { Struck } from './struck.js';
import type { ChaosSystem } from './system.js';

/** What must not be: broken promises by their kind, each with what is known of it. */
export const promises = [
  ...(['oversold', 'lost', 'double', 'over limit', 'backward', 'money', 'stuck', 'unexpected'] as const),
  ...(['slow', 'starved'] as const),
] as const;
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
  readonly refunds: readonly ListedRefund[];
  readonly healthy: HealthyFigures;
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

/** What a run leaves to be judged. */
export interface Evidence {
  readonly sales: readonly ChaosSale[];
  readonly journal: JournalRecord;
  readonly losses: Losses;
  readonly struck: readonly Struck[];
  /** holds that lapsed at once */
  readonly crowd: number;
}

/** Holds what buyers, payment provider and admin were told against what both servers have, once everything has come to rest. */
export async function audit(
  system: ChaosSystem,
  { sales, journal, losses, struck, crowd }: Evidence,
): Promise<Verdict> {
  const { databaseUrl, redisUrl } = system.backends;
  const books = sales.map((sale) => new Books({ api: '', keys: system.keys, databaseUrl, redisUrl }, sale));
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  const redis = new Redis(redisUrl);
  const admin = new HttpClient(system.apiUrls[0] ?? '', { authorization: `Bearer ${system.keys.adminKey}` });
  try {
    const moving = await comesToRest(books, pool, admin, crowd);
    const { rows } = await pool.query<Row>(allOrders);
    const fates = new Fates(rows, journal, losses);
    const stock = await stockFindings(books, pool, redis, sales, journal.capacities, losses.any);
    const refunds = await listRefunds(admin);
    const money = moneyFindings({
      ...{ payments: journal.payments, refunds, orders: rows },
      paidSales: new Set(sales.filter(({ payment }) => payment === 'webhook').map(({ id }) => id)),
      cancelledByAdmin: new Set(journal.cancelledByAdmin),
    });
    const healthy = healthyFigures(journal.steps, struck, system.front !== null);
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
        money,
        stuck: [...(moving === null ? [] : [`not at rest: ${moving}`]), ...stock.stuck],
        unexpected: [
          ...journal.unexpected,
          ...stock.wrongCapacities,
          ...fates.refusedForNothing(),
          ...[...system.apps.values()].flatMap((app) => app.crashes.map((crash) => `crashed: ${crash}`)),
        ],
        slow: healthy.slow,
        starved: healthy.starved,
      },
      destroyed: fates.destroyed,
      orders: fates.counts(),
      reloads: reloads.rows[0]?.count ?? 0,
      refunds,
      healthy,
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
    const { cancelledByAdmin, payments, orders } = this.journal;
    const byAdmin = new Set(cancelledByAdmin);
    const paid = new Set(payments.flatMap(({ type, orderId }) => (type === 'payment.succeeded' ? orderId : [])));
    return orders.flatMap((order) => {
      const end = this.byId.get(order.id)?.status;
      if (end === undefined) return [];
      const seen = Object.keys(order.seen) as OrderStatus[];
      const wasOwned = seen.includes('confirmed') || seen.includes('expired'); // nobody but the admin ends those
      const taken = end === 'cancelled' && wasOwned && !byAdmin.has(order.id);
      const follows = seen.every((status) => mayFollow(end, status, paid.has(order.id)));
      return taken || !follows ? [`${told(order)}: ended ${end}`] : [];
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

/** All that its buyer knows of an order. */
function told({ id, saleId, buyerId, sentAt, answeredAt, seen, missingAt }: OrderRecord): string {
  const statuses = Object.entries(seen).map(([status, { first, last }]) => `${status} ${first}–${last}`);
  const missing = missingAt === undefined ? [] : [`404 ${missingAt}`];
  return `${id} (sale ${saleId}, ${buyerId}) 202 ${sentAt}–${answeredAt}, ${[...statuses, ...missing].join(', ')}`;
}
