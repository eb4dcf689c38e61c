import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { DomainError, unavailable, type RejectReason } from '../domain/index.js';
import { type Distribution, Metrics, type Span, Traces } from '../observability/index.js';
import type { Carriers, OrdersJob } from '../queue/index.js';
import { OrderRefused, PersistOrders } from './persist-orders.js';

/** Orders in one transaction: measured, larger ones gain nothing (design, part 3: 34,000/s at 200, 37,000/s at 500). */
const maxBatch = 500;
/** How long a busy sale gathers after a transaction: an order costs a third in one of 200 of what it costs in one of 20. */
const gatherMs = 25;
/** A sale is stuck when one of its transactions has taken this long. A full one takes 20 to 50 ms; nobody else may wait for a second. */
const stuckAfterMs = 250;
/** Orders of a stuck sale that wait in memory, at the most: 5 MB. */
const maxKept = 50_000;
/** Between two attempts to write orders of a stuck sale. */
const pauseMs = { first: 200, most: 2000 };

interface Job {
  readonly orderIds: readonly string[];
  readonly rejectAs: RejectReason | undefined;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
  /** of those of its orders that are traced */
  readonly spans: readonly Span[];
}

/** What one transaction does. */
interface Batch {
  readonly orderIds: readonly string[];
  readonly rejectAs: RejectReason | undefined;
  /** none where the orders had been waiting in memory */
  readonly jobs: readonly Job[];
}

/** All that is to be done for one sale. */
interface Line {
  readonly jobs: Job[];
  /** orders whose jobs are over, with what shall become of them */
  readonly kept: Map<string, RejectReason | undefined>;
  /** the one job that a stuck sale does not end; undefined: the sale is not stuck */
  held: Job | undefined;
  drained: Promise<void>;
}

/**
 * Gathers the jobs of a sale into as few transactions as may be, one after the other: they would only wait for each other at
 * the gate. A job that comes alone is written at once, one that comes soon after others waits for more. Different sales go side by
 * side.
 *
 * A worker has only so many jobs in hand, and those of one sale whose gate is held would soon be all of them. So a sale one of whose
 * transactions takes longer than 250 ms is stuck and gives its places back: its jobs end, but for one, and those that come end at
 * once, until all their orders are written. The orders' ids are kept here meanwhile. That is safe, because the orders themselves are in
 * the outbox: what goes with this process, or is more than may be kept, has no job any more, and the requeue pass finds it. The one job
 * that is held tells that pass that somebody is at work, or it would queue the same orders again every second.
 *
 * Kept orders that could not be written are tried again after a pause, as their jobs would have been: one that Postgres refuses is a
 * dead letter after five times, and then no failure any more.
 */
@Injectable()
export class OrderBatches {
  private readonly logger = new Logger(OrderBatches.name);
  private readonly lines = new Map<string, Line>();
  private readonly stopping = new AbortController();

  private readonly sizes: Distribution;

  constructor(
    private readonly persist: PersistOrders,
    metrics: Metrics,
    private readonly traces: Traces = Traces.off,
  ) {
    const about = { name: 'persist_batch_orders', help: 'Orders that one transaction was to write' };
    this.sizes = metrics.histogram(about, [1, 5, 20, 50, 100, 200, 500, 1000]);
    const acrossProcesses = 'sum';
    metrics.gauges(
      {
        stuck_sales: { help: 'Sales whose transactions take so long that their jobs do not wait', acrossProcesses },
        stuck_orders: { help: 'Orders of stuck sales that wait in memory to be written', acrossProcesses },
      },
      () => {
        const stuck = [...this.lines.values()].filter(({ held }) => held !== undefined);
        return { stuck_sales: stuck.length, stuck_orders: stuck.reduce((sum, { kept }) => sum + kept.size, 0) };
      },
    );
  }

  /**
   * Resolves once these orders are written and settled, or are kept to be, where the sale is stuck. With `rejectAs` they end as
   * rejected instead. @throws what `PersistOrders` throws for their batch
   */
  write(
    saleId: string,
    orderIds: readonly string[],
    { rejectAs, traces = {} }: Pick<OrdersJob, 'rejectAs' | 'traces'> = {},
  ): Promise<void> {
    return new Promise((done, failed) => {
      const job: Job = { orderIds, rejectAs, done, failed, spans: this.startSpans(traces) };
      const line = this.lines.get(saleId);
      if (line === undefined) this.begin(saleId, job);
      else if (line.held === undefined) line.jobs.push(job);
      else endKept(line, job);
    });
  }

  /** Writes no more of what is kept. Resolves once no transaction is under way; as jobs may be, for which BullMQ waits. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([...this.lines.values()].map(({ drained }) => drained));
  }

  private begin(saleId: string, job: Job): void {
    const line: Line = { jobs: [job], kept: new Map(), held: undefined, drained: Promise.resolve() };
    this.lines.set(saleId, line);
    line.drained = this.drain(saleId, line);
  }

  private startSpans(carriers: Carriers): Span[] {
    if (!this.traces.on) return [];
    return Object.entries(carriers).flatMap(([orderId, parent]) => {
      const attributes = { 'sluice.order_id': orderId };
      return this.traces.start('job', { kind: 'consumer', parent, attributes }) ?? [];
    });
  }

  /** The batch's span is part of the first order's trace, and links to every order in it. */
  private async traced({ jobs, orderIds }: Batch, work: () => Promise<void>): Promise<void> {
    if (!this.traces.on) return work();
    const spans = jobs.flatMap((job) => job.spans);
    const links = spans.flatMap(({ traceparent }) => traceparent ?? []);
    const attributes = { 'sluice.orders': orderIds.length };
    const span = this.traces.start('write batch', { kind: 'internal', parent: links[0], links, attributes });
    const end = (error?: unknown): void => {
      for (const one of [...spans, span]) one?.end(error);
    };
    try {
      await this.traces.within(span, work);
      end();
    } catch (error) {
      end(error);
      throw error;
    }
  }

  private async drain(saleId: string, line: Line): Promise<void> {
    let failures = 0;
    for (let batch = nextBatch(line); batch !== undefined; batch = nextBatch(line)) {
      const outcome = await this.tryWrite(saleId, line, batch);
      failures = outcome === 'again' ? failures + 1 : 0;
      if (line.held !== undefined) this.endStuck(saleId, line);
      if (failures > 0) await this.pause(Math.min(pauseMs.first * 2 ** (failures - 1), pauseMs.most));
      else if (sizeOf(line) < maxBatch) await delay(gatherMs);
      if (line.held !== undefined && this.stopping.signal.aborted) this.endStuck(saleId, line);
    }
    this.lines.delete(saleId);
  }

  /** @returns `again`: the orders are still kept, and are to be tried again after a pause */
  private async tryWrite(saleId: string, line: Line, batch: Batch): Promise<'over' | 'again'> {
    this.sizes.observe(batch.orderIds.length);
    const stuck = setTimeout(() => {
      this.giveBack(saleId, line, batch);
    }, stuckAfterMs);
    try {
      await this.traced(batch, () => this.persistBatch(saleId, batch));
      for (const job of batch.jobs) if (job !== line.held) job.done();
    } catch (error) {
      if (line.held !== undefined && (error instanceof DomainError || error instanceof OrderRefused)) {
        this.logger.warn({ msg: 'orders of a stuck sale are tried again', saleId, orders: line.kept.size, err: error });
        for (const id of batch.orderIds) moveToEnd(line.kept, id); // the others have a turn
        return 'again';
      }
      // of a stuck sale nothing is left here but a bug, and what it met goes to the requeue pass
      if (line.held === undefined) for (const job of batch.jobs) job.failed(error);
      // another worker takes those that would wait as long
      if (this.stopping.signal.aborted) for (const job of line.jobs.splice(0)) job.failed(error);
    } finally {
      clearTimeout(stuck);
    }
    for (const id of batch.orderIds) line.kept.delete(id);
    return 'over';
  }

  private persistBatch(saleId: string, { orderIds, rejectAs }: Batch): Promise<void> {
    return rejectAs === undefined
      ? this.persist.execute(saleId, orderIds)
      : this.persist.reject(saleId, orderIds, rejectAs);
  }

  /** The sale is stuck in this batch: all of its jobs end but one. */
  private giveBack(saleId: string, line: Line, batch: Batch): void {
    const [held, ...others] = batch.jobs;
    if (held === undefined || this.stopping.signal.aborted) return;
    line.held = held;
    keep(line, held);
    for (const job of others) {
      keep(line, job);
      job.done();
    }
    for (const job of line.jobs.splice(0)) endKept(line, job);
    this.logger.debug({ msg: 'a sale is stuck, its orders wait in memory', saleId, orders: line.kept.size });
  }

  /** Where all is written, or this process ends, the sale is not stuck any more. */
  private endStuck(saleId: string, line: Line): void {
    if (line.kept.size === 0) {
      line.held?.done();
      this.logger.debug({ msg: 'a sale is no longer stuck', saleId });
    } else if (this.stopping.signal.aborted) {
      line.held?.failed(unavailable(new Error('this worker ends'))); // another one takes the job
      line.kept.clear();
    } else return;
    line.held = undefined;
  }

  private async pause(ms: number): Promise<void> {
    const { signal } = this.stopping;
    await delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/** The orders that come next, as many as go into one transaction and shall end alike. */
function nextBatch(line: Line): Batch | undefined {
  return line.held === undefined ? batchOfJobs(line.jobs) : batchOfKept(line.kept);
}

function batchOfJobs(waiting: Job[]): Batch | undefined {
  const [first] = waiting;
  if (first === undefined) return undefined;
  const jobs: Job[] = [];
  const orderIds: string[] = [];
  for (let next: Job | undefined = first; next?.rejectAs === first.rejectAs; next = waiting[0]) {
    if (next === undefined || (orderIds.length > 0 && orderIds.length + next.orderIds.length > maxBatch)) break;
    orderIds.push(...next.orderIds);
    jobs.push(next);
    waiting.shift();
  }
  return { jobs, orderIds, rejectAs: first.rejectAs };
}

function batchOfKept(kept: Line['kept']): Batch {
  const [rejectAs] = kept.values();
  const orderIds: string[] = [];
  for (const [id, fate] of kept) {
    if (fate !== rejectAs || orderIds.length === maxBatch) break;
    orderIds.push(id);
  }
  return { jobs: [], orderIds, rejectAs };
}

function keep({ kept }: Line, { orderIds, rejectAs }: Job): void {
  for (const id of orderIds) {
    if (kept.has(id)) {
      if (rejectAs !== undefined) kept.set(id, rejectAs); // its buyer was told that there is no order
    } else if (kept.size < maxKept) kept.set(id, rejectAs);
  }
}

function moveToEnd(kept: Line['kept'], id: string): void {
  if (!kept.has(id)) return;
  const fate = kept.get(id);
  kept.delete(id);
  kept.set(id, fate);
}

function endKept(line: Line, job: Job): void {
  keep(line, job);
  for (const span of job.spans) span.end();
  job.done();
}

function sizeOf({ jobs, kept }: Line): number {
  return jobs.reduce((sum, { orderIds }) => sum + orderIds.length, kept.size);
}
