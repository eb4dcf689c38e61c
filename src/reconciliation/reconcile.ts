import { Injectable } from '@nestjs/common';
import { type Count, type Distribution, type Family, Metrics } from '../observability/index.js';
import { SalesFailed } from '../inventory/index.js';
import { Database, type Queryable, type Statement } from '../postgres/index.js';
import { ArchiveSalesPass } from './archive-sales.pass.js';
import { CloseSalesPass } from './close-sales.pass.js';
import { CompareStockPass } from './compare-stock.pass.js';
import { DeleteOldOrdersPass } from './delete-old-orders.pass.js';
import { ExpireHoldsPass } from './expire-holds.pass.js';
import { FoldConfirmationsPass } from './fold-confirmations.pass.js';
import { RequeueOrdersPass } from './requeue-orders.pass.js';
import { ReturnStockPass } from './return-stock.pass.js';
import { Survey } from './survey.js';

const fleetLock = `hashtextextended('sluice:reconciliation', 0)`;
const waitForTurn: Statement = { name: 'reconcile-wait', text: `SELECT pg_advisory_xact_lock(${fleetLock})` };
const tryTurn: Statement = { name: 'reconcile-try', text: `SELECT pg_try_advisory_xact_lock(${fleetLock}) AS mine` };
const stillHere: Statement = { name: 'reconcile-still-here', text: 'SELECT 1' };
/** More often than Postgres takes a silent process for a frozen one. */
const heartbeatMs = 1000;
/** How long an admin waits for a reconciliation that runs, and for those that others asked for before. */
const patienceMs = 60_000;

const passes = ['expire', 'return', 'survey', 'requeue', 'close', 'compare', 'archive', 'delete', 'fold'] as const;

/** What one reconciliation did: orders, orders, orders' returns, sales, sales. */
export interface Reconciliation {
  readonly expired: number;
  readonly requeued: number;
  readonly returned: number;
  readonly closed: number;
  readonly reloaded: number;
  readonly durationMs: number;
}

/**
 * Runs all passes once, one reconciliation at a time over the whole fleet: the lock is for economy, every pass may run
 * beside itself. A pass that fails does not keep the others from running, nor a sale that fails the others of its pass.
 */
@Injectable()
export class Reconcile {
  /** The last `now` of this process. The next waits for it, not in Postgres: its connection is one that the passes need. */
  private last: Promise<unknown> = Promise.resolve();
  private readonly durations: Family<Distribution>;
  private readonly done: Family<Count>;
  private readonly failed: Family<Count>;
  /** when each pass last got to the end of its sales, by `performance.now()` */
  private readonly visitedAt = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly survey: Survey,
    private readonly expireHolds: ExpireHoldsPass,
    private readonly returnStock: ReturnStockPass,
    private readonly requeueOrders: RequeueOrdersPass,
    private readonly closeSales: CloseSalesPass,
    private readonly compareStock: CompareStockPass,
    private readonly archiveSales: ArchiveSalesPass,
    private readonly deleteOldOrders: DeleteOldOrdersPass,
    private readonly foldConfirmations: FoldConfirmationsPass,
    metrics: Metrics,
  ) {
    const labels = ['pass'];
    this.durations = metrics.histograms(
      { name: 'reconciler_pass_duration_seconds', help: 'How long a pass took', labels },
      [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    );
    this.done = metrics.counters({
      name: 'reconciler_done_total',
      help: 'What passes did: orders expired, returned or requeued, sales closed, reloaded or archived, old orders deleted, ticket types folded',
      labels,
    });
    this.failed = metrics.counters({ name: 'reconciler_failures_total', help: 'Passes that failed', labels });
    const help = 'How long ago a pass of this process last visited all sales, in seconds; absent: it never did';
    metrics.gaugesBy('pass', { name: 'reconciler_visit_age_seconds', help, acrossProcesses: 'min' }, () =>
      Array.from(this.visitedAt, ([pass, at]) => [pass, (performance.now() - at) / 1000] as const),
    );
    for (const pass of passes) this.failed.at(pass); // from the start at 0, or the first would be no increase
  }

  /** Waits for one that runs, then runs one. @throws DomainError `unavailable`; what had been done stays done */
  now(): Promise<Reconciliation> {
    const turn = this.last.then(() =>
      this.database.transaction(
        async (tx) => {
          await tx.rows(waitForTurn);
          return this.whileHolding(tx);
        },
        { statementMs: patienceMs },
      ),
    );
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Runs one unless one runs. Null: one did. Passes that have not begun when `stop` comes are left out. */
  unlessRunning(stop?: AbortSignal): Promise<Reconciliation | null> {
    return this.database.transaction(async (tx) => {
      const [turn] = await tx.rows<{ mine: boolean }>(tryTurn);
      return turn?.mine === true ? this.whileHolding(tx, stop) : null;
    });
  }

  private async whileHolding(lock: Queryable, stop?: AbortSignal): Promise<Reconciliation> {
    const heartbeat = setInterval(() => {
      lock.rows(stillHere).catch(() => undefined); // lost: the commit says so
    }, heartbeatMs);
    try {
      return await this.passes(stop);
    } finally {
      clearInterval(heartbeat);
    }
  }

  private async passes(stop?: AbortSignal): Promise<Reconciliation> {
    const startedAt = performance.now();
    const failures: unknown[] = [];
    const failed = (name: (typeof passes)[number], error: unknown): void => {
      this.failed.at(name).add();
      failures.push(error);
    };
    const run = async (name: (typeof passes)[number], pass: () => Promise<number>): Promise<number> => {
      if (stop?.aborted === true) return 0;
      const passStartedAt = performance.now();
      const ended = (done: number): number => {
        this.done.at(name).add(done);
        this.visitedAt.set(name, performance.now());
        return done;
      };
      try {
        return ended(await pass());
      } catch (error) {
        if (error instanceof SalesFailed) {
          failed(name, error.cause);
          return ended(error.done);
        }
        failed(name, error);
        return 0;
      } finally {
        this.durations.at(name).observe((performance.now() - passStartedAt) / 1000);
      }
    };
    const expired = await run('expire', () => this.expireHolds.run());
    const returned = await run('return', async () => (await this.returnStock.run()) + this.expireHolds.takeReturned());
    const told = (error: unknown): void => {
      failed('survey', error);
    };
    const sales = await this.survey.take(told).catch((error: unknown) => {
      told(error); // passes that need no survey go on
      return [];
    });
    const requeued = await run('requeue', () => this.requeueOrders.run(sales));
    const closed = await run('close', () => this.closeSales.run(sales));
    const reloaded = await run('compare', () => this.compareStock.run(sales));
    await run('archive', () => this.archiveSales.run());
    await run('delete', () => this.deleteOldOrders.run());
    await run('fold', () => this.foldConfirmations.run());
    if (failures.length > 0) throw failures[0];
    return { expired, requeued, returned, closed, reloaded, durationMs: Math.round(performance.now() - startedAt) };
  }
}
