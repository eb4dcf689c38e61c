import { Injectable } from '@nestjs/common';
import pg from 'pg';
import { DomainError } from '../domain/index.js';
import { Database, type Queryable } from './database.js';
import { isLockTimeout } from './errors.js';

/**
 * How many connections of one process may hold or await one sale's gate. One works while the next is already in line in Postgres; more
 * would gain nothing, and take the pool's ten connections from other sales.
 */
const permitsPerSale = 2;

/** How long an admin, or an order that is to be written, waits for the gate. Longer than all but the largest reloads take. */
export const longPatienceMs = 6000;
/** For those who come again soon: a buyer who is told so, a payment that is sent again, a pass of the reconciler. */
export const briefPatienceMs = 1000;

/** Who is at one sale's gate in this process. */
interface Gate {
  permits: number;
  /** when somebody last came through, by `performance.now()` */
  movedAtMs: number;
  /** in the order in which they came */
  readonly waiting: Set<() => void>;
}

/**
 * The one way through a sale's gate, an advisory lock that is held to the end of a transaction. It is a fair queue and works through
 * PgBouncer; row locks `FOR SHARE` could starve the writer (ADR 3). Who waits does so in memory first, and takes a connection only
 * with a permit for that sale: however long a gate is held, other sales find connections.
 *
 * `work` must not go through the gate of the same sale again, or it may wait for itself.
 */
@Injectable()
export class SaleGate {
  private readonly gates = new Map<string, Gate>();

  constructor(private readonly database: Database) {}

  /**
   * Runs `work` in a transaction that nobody else shares the gate with: persist, change, reload, the inventory report.
   * @param patienceMs how long to wait while nobody of this process comes through, and 6 s in all; `work` has its own bounds
   * @throws DomainError `unavailable` with nothing done when the patience is over, and else what `Database.transaction` throws
   */
  exclusive<T>(saleId: string, patienceMs: number, work: (tx: Queryable) => Promise<T>): Promise<T> {
    return this.through(saleId, 'pg_advisory_xact_lock', patienceMs, work);
  }

  /** The same beside others that hold the gate so: cancel and expire. */
  shared<T>(saleId: string, patienceMs: number, work: (tx: Queryable) => Promise<T>): Promise<T> {
    return this.through(saleId, 'pg_advisory_xact_lock_shared', patienceMs, work);
  }

  private async through<T>(
    saleId: string,
    lock: 'pg_advisory_xact_lock' | 'pg_advisory_xact_lock_shared',
    patienceMs: number,
    work: (tx: Queryable) => Promise<T>,
  ): Promise<T> {
    const gate = this.gates.get(saleId) ?? { permits: permitsPerSale, movedAtMs: -Infinity, waiting: new Set() };
    this.gates.set(saleId, gate);
    const cameAtMs = performance.now();
    const untilMs = (): number => Math.min(Math.max(cameAtMs, gate.movedAtMs) + patienceMs, cameAtMs + longPatienceMs);
    await enter(gate, untilMs);
    try {
      const text = `SELECT ${lock}(hashtextextended(${pg.escapeLiteral(saleId)}, 0))`;
      const result = await this.database.transaction(work, { lock: { text, untilMs: untilMs() } });
      gate.movedAtMs = performance.now();
      return result;
    } catch (error) {
      throw isLockTimeout(error) ? busy(error) : error;
    } finally {
      this.leave(saleId, gate);
    }
  }

  /** Hands the permit to the next, or back. */
  private leave(saleId: string, gate: Gate): void {
    const [next] = gate.waiting;
    if (next !== undefined) {
      gate.waiting.delete(next);
      next();
      return;
    }
    gate.permits += 1;
    if (gate.permits === permitsPerSale) this.gates.delete(saleId);
  }
}

/** Resolves with a permit. A line that moves is worth waiting in: `untilMs` is asked again. */
function enter(gate: Gate, untilMs: () => number): Promise<void> {
  if (gate.permits > 0) {
    gate.permits -= 1;
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout;
    const entered = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const wait = (): void => {
      const leftMs = untilMs() - performance.now();
      if (leftMs > 0) {
        timer = setTimeout(wait, Math.ceil(leftMs));
        return;
      }
      gate.waiting.delete(entered);
      reject(busy());
    };
    gate.waiting.add(entered);
    wait();
  });
}

function busy(cause?: unknown): DomainError {
  const error = new DomainError('unavailable', 'This sale is busy for a moment. Try again.', { retryAfterSeconds: 1 });
  error.cause = cause;
  return error;
}
