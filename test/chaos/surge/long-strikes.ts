import { setTimeout as delay } from 'node:timers/promises';
import { saleKey, type SaleKey } from '../../../src/redis/keys.js';
import type { BuyersTask } from './buyers.js';
import type { CrowdSale } from './crowd-sale.js';
import { inDatabase } from './database.js';
import { processNames, type Fault, type LongFaultKind } from './fault-kinds.js';
import type { Poison } from './poison.js';
import { saleNamed, type ChaosSale } from './sales.js';
import type { ChaosSystem } from './system.js';

/** What faults that last need beside the system. */
export interface LongTarget {
  readonly system: ChaosSystem;
  readonly sales: readonly ChaosSale[];
  readonly crowdSale: CrowdSale;
  readonly poison: Poison;
  /** has the many buyers, their admin and their payment provider do something */
  readonly have: (task: BuyersTask) => void;
}

/** @returns what is worth to be told of it */
type LongStrike = (target: LongTarget, fault: Fault) => Promise<string | undefined>;

const latePaymentsPerSecond = 3;
/** So much longer than planned a sale may take to come back before the run goes on without it; the audit comes anyway. */
const overtime = 2;
const reloadPatienceMs = 30_000;
const gateRetryMs = 200;

export const longStrikes: Readonly<Record<LongFaultKind, LongStrike>> = {
  async 'mass-expiry'({ crowdSale, have }, { amount, durationMs }) {
    const { orderIds, lapsesAt } = await crowdSale.hold(amount);
    const notLoaded = await crowdSale.isWell(Math.max(0, lapsesAt - Date.now()), { withHolds: true });
    await delay(Math.max(0, lapsesAt - Date.now()));
    const perSecond = latePaymentsPerSecond;
    const late = spread(orderIds, Math.round((perSecond * durationMs) / 1000));
    have({ payLate: { saleId: crowdSale.sale.id, orderIds: late, perSecond } });
    const lacking = await crowdSale.isWell(durationMs * overtime);
    const took = `${((Date.now() - lapsesAt) / 1000).toFixed(1)} s`;
    return [
      `${orderIds.length} holds, ${notLoaded === null ? 'in Redis before they lapsed' : `not in Redis then (${notLoaded})`}, `,
      lacking === null ? `all back after ${took}` : `not back after ${took}: ${lacking}`,
    ].join('');
  },

  /** A new connection takes it again where a restart of PostgreSQL freed it. */
  async 'held-gate'({ system, sales, have }, fault) {
    const { id } = saleNamed(sales, fault.victim);
    const deadline = performance.now() + fault.durationMs;
    const left = (): number => Math.max(0, deadline - performance.now());
    have({ cancel: { saleId: id, forMs: fault.durationMs } });
    let times = 0;
    while (left() > 0) {
      await inDatabase(system.backends.databaseUrl, async (client) => {
        const gone = new Promise((resolve) => client.once('end', resolve));
        await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [id]);
        times++;
        await Promise.race([gone, delay(left())]);
      }).catch(() => delay(gateRetryMs));
    }
    return times === 1 ? undefined : `held ${times} times`;
  },

  async poison({ sales, poison }, fault) {
    const { id } = saleNamed(sales, fault.victim);
    await poison.put(id);
    await delay(fault.durationMs);
    await poison.take(id);
    return undefined;
  },

  async reload({ system, crowdSale }, { victim }) {
    const key = victim.replace(/^.*:/, '') as SaleKey;
    const after = await crowdSale.epoch();
    const startedAt = performance.now();
    await system.backends.deleteKey(saleKey(crowdSale.sale.id, key));
    const lacking = await crowdSale.isWell(reloadPatienceMs, { withHolds: true, after });
    const took = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
    return lacking === null ? `loaded after ${took}` : `not loaded after ${took}: ${lacking}`;
  },

  async standstill({ system }, { amount, durationMs }) {
    if (amount === 0) {
      await system.backends.freezePostgres(durationMs);
      return undefined;
    }
    const links = processNames.flatMap((name) => system.links.get(name)?.postgres ?? []);
    for (const link of links) link.silence();
    await delay(durationMs);
    for (const link of links) link.heal();
    return undefined;
  },
};

/** So many of them, from the first to the last. */
function spread(ids: readonly string[], count: number): string[] {
  const step = Math.max(1, ids.length / count);
  return Array.from({ length: Math.min(count, ids.length) }, (_, i) => ids[Math.floor(i * step)] ?? '');
}
