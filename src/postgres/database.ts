import pg from 'pg';
import { asUnavailable, isConflict } from './errors.js';

/** One SQL statement, named so that each connection prepares it once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /**
   * Not prepared, but planned for the values it comes with, which takes half a millisecond: where a plan for any values would read far
   * more rows.
   */
  readonly planned?: 'each time';
}

/** Whatever can run a statement: the pool, or one transaction. */
export interface Queryable {
  /** @throws DomainError `unavailable` when Postgres cannot answer; a write may still have happened */
  rows<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]>;
}

/** How a transaction begins, and how long it may wait. */
export interface TransactionOptions {
  /** how long one statement of the work may take, in ms */
  readonly statementMs?: number;
  /**
   * A statement without parameters that takes a lock. It is sent together with BEGIN, and waits no longer than until this
   * `performance.now()`; what comes later may wait for its own locks as long as `statementMs`.
   */
  readonly lock?: { readonly text: string; readonly untilMs: number };
}

/** Connections of one process. Workers and the reconciler need a handful; an API node waits for Redis, not for Postgres. */
const maxConnections = 10;
const connectTimeoutMs = 4000;
/** A lone statement that takes longer has no answer: somebody waits for it. */
const queryTimeoutMs = 4000;
/** In a transaction a statement may also wait for rows behind others. */
const statementTimeoutMs = 6000;
/** A process that froze inside a transaction loses it after this, and with it the gate of its sale. */
const idleInTransactionMs = 5000;
const conflictRetries = 3;
/** SQLSTATE of what `statement_timeout` cut off */
const queryCanceled = '57014';

// int8 as numbers: every one of ours counts money below 2^53 or rows.
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number);

/** The one pool of connections to Postgres, and a connection to ask whether it is there. */
export class Database implements Queryable {
  readonly pool: pg.Pool;
  private readonly probe: pg.Pool;

  constructor(
    url: string,
    onError: (error: Error) => void,
    /** told of every transaction, with the wait for a connection and for locks */
    private readonly onTransaction?: (outcome: 'committed' | 'failed', seconds: number) => void,
    /** false: every statement is parsed anew. PgBouncer below 1.21 gives the next transaction a connection that does not know it */
    private readonly prepares = true,
  ) {
    const connections = (max: number, query_timeout: number): pg.Pool => {
      const pool = new pg.Pool({
        connectionString: url,
        max,
        connectionTimeoutMillis: connectTimeoutMs,
        query_timeout,
        keepAlive: true,
        application_name: 'sluice',
        types,
      });
      pool.on('error', onError);
      // A connection that dies in the moment in which it is handed out has no other listener, and would end the process.
      pool.on('connect', (client) => {
        client.on('error', () => undefined);
      });
      return pool;
    };
    this.pool = connections(maxConnections, statementTimeoutMs + 1000);
    this.probe = connections(1, queryTimeoutMs);
  }

  async rows<Row>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      return (await this.pool.query(this.bounded(statement, values, queryTimeoutMs))).rows as Row[];
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  /**
   * Runs `work` in one transaction: commits when it returns, rolls back when it throws, and runs it again when Postgres
   * says that it only collided with another.
   * @throws DomainError `unavailable`; after a lost COMMIT the work may have happened, so it must be safe to repeat
   */
  async transaction<T>(work: (tx: Queryable) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const startedAt = performance.now();
      const ended = (outcome: 'committed' | 'failed'): void =>
        this.onTransaction?.(outcome, (performance.now() - startedAt) / 1000);
      try {
        const result = await this.attempt(work, options);
        ended('committed');
        return result;
      } catch (error) {
        ended('failed');
        if (!isConflict(error) || attempt > conflictRetries) throw asUnavailable(error);
      }
    }
  }

  /**
   * Runs a statement in a transaction that is one message: from its first lock to its last nothing waits for this process, and no lock
   * lasts longer than `boundMs` and what Postgres takes to commit in memory. The disk has it a moment later: a crash may undo it.
   * @param text without parameters: a message of several statements has none
   * @returns null when it would have taken longer; then nothing was done
   * @throws DomainError `unavailable`
   */
  async brief<Row>(text: string, boundMs: number): Promise<Row[] | null> {
    try {
      const results = (await this.pool.query(
        `SET LOCAL statement_timeout = ${boundMs}; SET LOCAL synchronous_commit = off; ${text}`,
      )) as unknown as pg.QueryResult[];
      return results.at(-1)?.rows as Row[];
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.code === queryCanceled) return null;
      throw asUnavailable(error);
    }
  }

  /** On a connection of its own: where every other is busy, Postgres is not away. @throws DomainError `unavailable` */
  async ping(): Promise<void> {
    try {
      await this.probe.query('SELECT 1');
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.end(), this.probe.end()]);
  }

  private async attempt<T>(
    work: (tx: Queryable) => Promise<T>,
    { statementMs = statementTimeoutMs, lock }: TransactionOptions,
  ): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      await client.query(opening(statementMs, lock));
      const result = await work({
        rows: async <Row>(statement: Statement, values: readonly unknown[] = []) =>
          (await client.query(this.bounded(statement, values, statementMs + 1000))).rows as Row[],
      });
      await client.query('COMMIT');
      return result;
    } catch (error) {
      // Only an error of a statement leaves the connection usable; after any other nobody knows what it is doing.
      if (!(error instanceof pg.DatabaseError) && asUnavailable(error) !== error) broken = error as Error;
      if (broken === undefined) await client.query('ROLLBACK').catch(onError);
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  /** `pg` takes the bound of a single query from its configuration, but its types do not say so. */
  private bounded({ name, text, planned }: Statement, values: readonly unknown[], timeoutMs: number): pg.QueryConfig {
    const config = {
      text,
      values: [...values],
      query_timeout: timeoutMs,
      ...(this.prepares && planned === undefined ? { name } : {}),
    };
    return config;
  }
}

/** All that precedes the work, as one message. The server gives up before this process does: then the connection can be used again. */
function opening(statementMs: number, lock: TransactionOptions['lock']): pg.QueryConfig {
  const waitMs = lock === undefined ? 0 : Math.max(1, Math.ceil(lock.untilMs - performance.now()));
  const taken =
    lock === undefined ? [] : [`SET LOCAL lock_timeout = ${waitMs}`, lock.text, 'SET LOCAL lock_timeout TO DEFAULT'];
  const statements = [
    'BEGIN',
    `SET LOCAL idle_in_transaction_session_timeout = ${idleInTransactionMs}`,
    ...taken,
    `SET LOCAL statement_timeout = ${statementMs}`,
  ];
  const config = { text: statements.join('; '), query_timeout: Math.max(queryTimeoutMs, waitMs + 1000) };
  return config;
}
