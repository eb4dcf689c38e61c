import { setTimeout as delay } from 'node:timers/promises';
import type { AdminApi } from './admin-api.js';

interface Inventory {
  readonly consistent: boolean;
  readonly ticketTypes: readonly {
    readonly ticketTypeId: string;
    readonly capacity: number;
    readonly available: number;
    readonly queued: number;
    readonly reserved: number;
    readonly confirmed: number;
    readonly drift: number;
  }[];
}

interface Page {
  readonly data: readonly {
    readonly status: string;
    readonly items: readonly { readonly ticketTypeId: string; readonly quantity: number }[];
  }[];
  readonly nextCursor: string | null;
}

/** What the books say, in tickets but for `orders`, `lost` and `queued`. */
export interface Audit {
  /** orders in PostgreSQL by status */
  readonly orders: Readonly<Record<string, number>>;
  /** accepted orders that are not there; with `unanswered` above 0 the least that it can be, as each of those hides one */
  readonly lost: number;
  /** orders that are there, and whose 202 nobody counted: answers that were lost on their way */
  readonly unanswered: number;
  /** tickets sold or held that do not exist */
  readonly oversold: number;
  /** sum of the absolute drifts that the inventory reports */
  readonly drift: number;
  /** difference between the inventory's reserved and confirmed tickets and those of the orders themselves */
  readonly miscounted: number;
  /** tickets of orders that are still not written */
  readonly queued: number;
  readonly consistent: boolean;
}

/**
 * Audits a sale by the admin API alone, once nothing is queued any more.
 * @param accepted 202 answers that the load counted, without replays; null: not known, then `lost` and `unanswered` are 0
 * @param waitMs how long to wait for the queue to empty
 */
export async function audit(admin: AdminApi, saleId: string, accepted: number | null, waitMs: number): Promise<Audit> {
  const inventory = await settled(admin, saleId, waitMs);
  const types = inventory.ticketTypes;
  const orders: Record<string, number> = {};
  const held = new Map<string, number>();
  for await (const { status, items } of ordersOf(admin, saleId)) {
    orders[status] = (orders[status] ?? 0) + 1;
    if (status !== 'reserved' && status !== 'confirmed') continue;
    for (const { ticketTypeId, quantity } of items) held.set(ticketTypeId, (held.get(ticketTypeId) ?? 0) + quantity);
  }
  const sum = (of: (type: (typeof types)[number]) => number): number => types.reduce((all, type) => all + of(type), 0);
  const written = Object.values(orders).reduce((all, count) => all + count, 0);
  return {
    orders,
    lost: accepted === null ? 0 : Math.max(0, accepted - written),
    unanswered: accepted === null ? 0 : Math.max(0, written - accepted),
    oversold: sum(({ capacity, ticketTypeId, queued }) =>
      Math.max(0, (held.get(ticketTypeId) ?? 0) + queued - capacity),
    ),
    drift: sum(({ drift }) => Math.abs(drift)),
    miscounted: sum(({ ticketTypeId, reserved, confirmed }) =>
      Math.abs(reserved + confirmed - (held.get(ticketTypeId) ?? 0)),
    ),
    queued: sum(({ queued }) => queued),
    consistent: inventory.consistent,
  };
}

export function isClean({ lost, oversold, drift, miscounted, queued, consistent }: Audit): boolean {
  return lost + oversold + drift + miscounted + queued === 0 && consistent;
}

/** The inventory once all is written and it agrees with itself, or when the time is up. */
async function settled(admin: AdminApi, saleId: string, waitMs: number): Promise<Inventory> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const inventory = await admin<Inventory>('GET', `/sales/${saleId}/inventory`);
    const done = inventory.consistent && inventory.ticketTypes.every(({ queued }) => queued === 0);
    if (done || performance.now() > deadline) return inventory;
    await delay(250);
  }
}

async function* ordersOf(admin: AdminApi, saleId: string): AsyncGenerator<Page['data'][number]> {
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page = await admin<Page>('GET', `/sales/${saleId}/orders?limit=200${query}`);
    yield* page.data;
    cursor = page.nextCursor;
  }
}
