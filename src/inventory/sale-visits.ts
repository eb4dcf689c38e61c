import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Metrics } from '../observability/index.js';

/** Visits of all kinds at once: each may hold a connection to Postgres, of which a process has ten. */
const slotsOfAll = 8;
const slotsOfKind = 4;
/** How long a pass waits for its slowest sale, in ms. */
const patienceMs = 750;

/** What visits are for. */
export interface VisitKind {
  readonly name: string;
  /** how many sales at once; default 4 */
  readonly atOnce?: number;
}

/** Looks after one sale. @returns what is counted of it: orders, or sales */
type Visit = (saleId: string) => Promise<number>;

/** What visits of one kind did that ended since somebody last asked. */
export interface Visited {
  /** the sum of what the visits returned */
  readonly done: number;
  /** by sale */
  readonly failures: ReadonlyMap<string, unknown>;
}

/** Every sale was visited, and some visits failed. `cause` is the first failure. */
export class SalesFailed extends Error {
  /** @param done what the others did */
  constructor(
    readonly done: number,
    override readonly cause: unknown,
  ) {
    super('some sales failed', { cause });
  }
}

interface State {
  readonly slots: Slots;
  readonly underWay: Map<string, { readonly sinceMs: number; readonly ended: Promise<void> }>;
  done: number;
  failures: Map<string, unknown>;
}

/**
 * Visits many sales, a few at a time, and waits only so long for them. A visit that takes longer goes on in the background, once at a
 * time for each sale and kind. So one sale whose gate is held, or whose reload takes a minute, costs one slot of each kind, and delays
 * no other sale.
 */
@Injectable()
export class SaleVisits implements OnModuleDestroy {
  private readonly kinds = new Map<string, State>();
  private readonly slots = new Slots(slotsOfAll);
  private stopped = false;

  constructor(metrics: Metrics) {
    const help = 'Visits of sales for which the pass that began them no longer waits';
    metrics.gauges({ reconciler_late_visits: { help, acrossProcesses: 'sum' } }, () => {
      const begun = [...this.kinds.values()].flatMap(({ underWay }) => [...underWay.values()]);
      return { reconciler_late_visits: begun.filter(({ sinceMs }) => !isYoung(sinceMs, patienceMs)).length };
    });
  }

  /**
   * Visits the sales that no visit of this kind is at work on. Waits until all have ended, but no longer than `waitMs`, and neither for visits
   * that are older than that nor for sales that a visit of another kind found slow: one stuck sale costs a reconciliation one wait.
   */
  async run(kind: VisitKind, saleIds: Iterable<string>, visit: Visit, waitMs = patienceMs): Promise<Visited> {
    const state = this.stateOf(kind);
    const ids = [...saleIds];
    const slow = new Set(ids.filter((id) => this.isSlow(id, state)));
    const begun = ids.map((id) => ({ id, ...this.visit(state, id, visit) })).filter(({ id }) => !slow.has(id));
    const young = begun.filter(({ sinceMs }) => isYoung(sinceMs, waitMs)).map(({ ended }) => ended);
    const enough = new AbortController();
    await Promise.race([
      Promise.all(young),
      delay(waitMs, undefined, { signal: enough.signal }).catch(() => undefined), // all have ended
    ]);
    enough.abort();
    const { done, failures } = state;
    state.done = 0;
    state.failures = new Map();
    return { done, failures };
  }

  /** Begins to visit a sale unless a visit of this kind is at work on it. What `visit` returns or throws is told by the next `run`. */
  begin(kind: VisitKind, saleId: string, visit: Visit): void {
    this.visit(this.stateOf(kind), saleId, visit);
  }

  /** Sales on which a visit of this kind is at work, or which wait for one. */
  underWay(kind: VisitKind): string[] {
    return [...this.stateOf(kind).underWay.keys()];
  }

  /** No visit begins any more; those that wait end at once. */
  onModuleDestroy(): void {
    this.stopped = true;
  }

  private isSlow(saleId: string, but: State): boolean {
    return [...this.kinds.values()].some((state) => {
      const running = state === but ? undefined : state.underWay.get(saleId);
      return running !== undefined && !isYoung(running.sinceMs, patienceMs);
    });
  }

  private stateOf({ name, atOnce = slotsOfKind }: VisitKind): State {
    let state = this.kinds.get(name);
    if (state === undefined) {
      state = { slots: new Slots(atOnce), underWay: new Map(), done: 0, failures: new Map() };
      this.kinds.set(name, state);
    }
    return state;
  }

  private visit(
    state: State,
    saleId: string,
    visit: Visit,
  ): { readonly sinceMs: number; readonly ended: Promise<void> } {
    const running = state.underWay.get(saleId);
    if (running !== undefined) return running;
    const work = async (): Promise<void> => {
      await state.slots.take();
      await this.slots.take();
      try {
        const done = this.stopped ? 0 : await visit(saleId);
        state.done += done;
      } catch (error) {
        state.failures.set(saleId, error);
      } finally {
        this.slots.give();
        state.slots.give();
        state.underWay.delete(saleId);
      }
    };
    const begun = { sinceMs: performance.now(), ended: work() };
    state.underWay.set(saleId, begun);
    return begun;
  }
}

/** What was done. @throws SalesFailed where a visit failed */
export function doneBy({ done, failures }: Visited): number {
  for (const failure of failures.values()) throw new SalesFailed(done, failure);
  return done;
}

function isYoung(sinceMs: number, maxMs: number): boolean {
  return performance.now() - sinceMs < maxMs;
}

class Slots {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async take(): Promise<void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  give(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free += 1;
    else next();
  }
}
