import { Injectable } from '@nestjs/common';
import { doneBy, SaleVisits, StockStore } from '../inventory/index.js';
import { DeadLetterRepository } from '../orders/index.js';
import { Queues } from '../queue/index.js';
import type { Surveyed } from './survey.js';

/** An order that waits for longer than this, and for longer than every job, has lost its job. */
const orphanAfterMs = 5000;
/** An order that waits for longer than this is queued again whatever the jobs say: a job's age is what a node's clock said, and may be
 * that of another sale. Half of the lag at which purchases are refused. */
const orphanAnywayAfterMs = 15_000;
/** With a long backlog every order is old: the same ones are not queued again and again. */
const againAfterMs = 10_000;
/** By how much the clocks of nodes and of Redis may differ. */
const clockSkewMs = 1000;
/** Of one sale in one reconciliation. The next goes on with those that follow. */
const maxOrders = 5000;
const pageSize = 500;

/** How far through its outbox a sale's old orders were queued again. */
interface Progress {
  /** by `performance.now()` */
  readonly atMs: number;
  /** when the last of them was taken; null: there were no more */
  readonly upToMs: number | null;
}

/** Queues orders of the outbox whose job was lost, but no dead letters. One that was not lost meets them twice, which changes nothing. */
@Injectable()
export class RequeueOrdersPass {
  private readonly progress = new Map<string, Progress>();

  constructor(
    private readonly stock: StockStore,
    private readonly queues: Queues,
    private readonly deadLetters: DeadLetterRepository,
    private readonly visits: SaleVisits,
  ) {}

  /** @returns how many orders were queued again. @throws SalesFailed where a sale failed; the others are through */
  async run(sales: readonly Surveyed[]): Promise<number> {
    const old = new Map(sales.filter(hasOrphans).map(({ id, inspection }) => [id, inspection.now.getTime()]));
    const oldestJob = old.size === 0 ? null : await this.queues.oldestOrdersJobAt();
    for (const [id, { atMs }] of this.progress) {
      // without any job those that were queued again have ended, or wait for another attempt
      if (oldestJob === null || performance.now() - atMs >= againAfterMs) this.progress.delete(id);
    }
    const visited = await this.visits.run({ name: 'requeue' }, old.keys(), (id) =>
      this.requeue(id, old.get(id) ?? 0, oldestJob?.getTime() ?? Infinity),
    );
    return doneBy(visited);
  }

  /** @param oldestJobMs Infinity: there is no job */
  private async requeue(saleId: string, nowMs: number, oldestJobMs: number): Promise<number> {
    const fromMs = (this.progress.get(saleId) ?? { upToMs: 0 }).upToMs;
    if (fromMs === null) return 0;
    // Whatever is older than the oldest job has none; with no job at all that is every order that is old.
    const withoutJobMs = Math.min(nowMs - orphanAfterMs, oldestJobMs - clockSkewMs);
    const dead = await this.deadLetters.deadOf(saleId);
    const old = await this.alive(saleId, fromMs, Math.max(withoutJobMs, nowMs - orphanAnywayAfterMs), dead);
    // taken before Redis's clock stepped back: nobody can tell how old they are
    const ahead = await this.alive(saleId, nowMs + clockSkewMs, Infinity, dead);
    const ids = [...old.ids, ...ahead.ids];
    if (ids.length === 0) return 0;
    await this.queues.addOrdersAgain(saleId, ids);
    this.progress.set(saleId, { atMs: performance.now(), upToMs: old.upToMs });
    return ids.length;
  }

  /** Orders that were taken in that time and are no dead letters, oldest first. `upToMs`: where the next ones begin; null: there are none. */
  private async alive(
    saleId: string,
    fromMs: number,
    toMs: number,
    dead: ReadonlySet<string>,
  ): Promise<{ readonly ids: readonly string[]; readonly upToMs: number | null }> {
    const ids: string[] = [];
    for (let skipped = 0; ; skipped += pageSize) {
      const page = await this.stock.queuedBetween(saleId, fromMs, toMs, skipped, pageSize);
      ids.push(...page.map(({ orderId }) => orderId).filter((id) => !dead.has(id)));
      if (page.length < pageSize) return { ids, upToMs: null };
      if (ids.length >= maxOrders) return { ids, upToMs: page.at(-1)?.takenAtMs ?? null };
    }
  }
}

function hasOrphans({ inspection: { oldestAt, newestAt, now } }: Surveyed): boolean {
  const nowMs = now.getTime();
  const isOld = oldestAt !== null && nowMs - oldestAt.getTime() > orphanAfterMs;
  return isOld || (newestAt !== null && newestAt.getTime() - nowMs > clockSkewMs);
}
