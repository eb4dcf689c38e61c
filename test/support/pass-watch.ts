import { setTimeout as delay } from 'node:timers/promises';
import { saleKey } from '../../src/redis/index.js';
import { endHold, openSale, type GivenSale } from './given.js';
import { largeSale, orderOf } from './large-sale.js';
import type { ProcessFleet } from './process-fleet.js';

/** How soon each pass is promised to have been at every sale. */
const promisedMs = 5000;
const askEveryMs = 50;
const restMs = 250;
/** More than a test ends. */
const holds = 3000;

type Pass = 'expire' | 'return' | 'compare' | 'close';

/**
 * Small sales that each give one pass of the reconciler something to do, again and again, and how long it takes until it is done: a hold
 * that ran out, its ticket on the way back, a key that Redis lost, a sale whose time is over.
 */
export class PassWatch {
  private readonly longestMs = new Map<Pass, number>();
  private stopping = false;
  private running: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly fleet: ProcessFleet,
    private readonly sales: { readonly holds: GivenSale; readonly lossy: GivenSale; readonly ending: GivenSale },
  ) {}

  static async prepare(fleet: ProcessFleet): Promise<PassWatch> {
    return new PassWatch(fleet, {
      holds: await largeSale(fleet, { orders: holds, name: 'Holds run out' }),
      lossy: await openSale(fleet.api, { name: 'Loses a key' }),
      ending: await openSale(fleet.api, { name: 'Ends' }),
    });
  }

  start(): void {
    this.stopping = false;
    this.longestMs.clear();
    this.running = Promise.all([this.watchHolds(), this.watchLosses(), this.watchEnds()]);
  }

  /** @returns the longest that each pass let a sale wait, in ms */
  async stop(): Promise<Readonly<Record<string, number>>> {
    this.stopping = true;
    await this.running;
    return Object.fromEntries(this.longestMs);
  }

  private async watchHolds(): Promise<void> {
    const { sql, redis } = this.fleet;
    const { holds: sale } = this.sales;
    const stock = saleKey(sale.id, 'stock');
    for (let n = 0; !this.stopping && n < holds; n++) {
      const { id } = orderOf(sale, n);
      await endHold(sql, id);
      await this.wait('expire', async () => {
        const { rowCount } = await sql.query(`SELECT FROM orders WHERE id = $1 AND status = 'expired'`, [id]);
        return rowCount === 1;
      });
      await this.wait('return', async () => Number(await redis.hget(stock, sale.types[0] ?? '')) >= n + 1);
      await delay(restMs);
    }
  }

  private async watchLosses(): Promise<void> {
    const { redis } = this.fleet;
    const key = saleKey(this.sales.lossy.id, 'buyers');
    while (!this.stopping) {
      await redis.del(key);
      await this.wait('compare', async () => (await redis.exists(key)) === 1);
      await delay(restMs);
    }
  }

  private async watchEnds(): Promise<void> {
    const { sql } = this.fleet;
    const { id } = this.sales.ending;
    while (!this.stopping) {
      await sql.query(`UPDATE sales SET status = 'open', closes_at = clock_timestamp() WHERE id = $1`, [id]);
      await this.wait('close', async () => {
        const { rowCount } = await sql.query(`SELECT FROM sales WHERE id = $1 AND status = 'closed'`, [id]);
        return rowCount === 1;
      });
      await delay(restMs);
    }
  }

  /** What is not done when the watch ends has waited for so long at least. */
  private async wait(pass: Pass, isDone: () => Promise<boolean>): Promise<void> {
    const startedAt = performance.now();
    while (!(await isDone().catch(() => false)) && !this.stopping) await delay(askEveryMs);
    const tookMs = Math.round(performance.now() - startedAt);
    this.longestMs.set(pass, Math.max(tookMs, this.longestMs.get(pass) ?? 0));
  }
}

/** Passes that let a sale wait for longer than they may, a line each. */
export function latePasses(during: Readonly<Record<string, number>>): string[] {
  return Object.entries(during)
    .filter(([, ms]) => ms >= promisedMs)
    .map(([pass, ms]) => `${pass}: a sale waited for ${ms} ms`);
}
