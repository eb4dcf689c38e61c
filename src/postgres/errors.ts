import { types } from 'node:util';
import pg from 'pg';
import { DomainError, unavailable } from '../domain/index.js';

const lockNotAvailable = '55P03';

/** SQLSTATEs by which Postgres says that it cannot serve just now. Appendix A of its manual names them. */
const passingClasses = new Set(['08', '28', '53', '57', '58']);
const passingStates = new Set([
  '25006', // read-only: a standby, or a failover under way
  '25P02', // the transaction failed before this statement
  '25P03', // idle in transaction for too long: this process was frozen
  '3D000', // the database is being made or restored
  '40001',
  '40P01', // deadlock
  '55000', // the database takes no connections
  lockNotAvailable,
  'XX000', // also what PgBouncer says when its server went away
]);

/** Whether a transaction that failed so may simply be run again at once. */
export function isConflict(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '40001' || error.code === '40P01');
}

/** Whether a transaction failed because it did not get its lock in time. */
export function isLockTimeout(error: unknown): boolean {
  const cause = error instanceof DomainError ? error.cause : error;
  return cause instanceof pg.DatabaseError && cause.code === lockNotAvailable;
}

/** Whether Postgres refused these very values (SQLSTATE classes 22 and 23), so that the same again fails the same way. */
export function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(22|23)/.test(error.code ?? '');
}

/**
 * The rule that Postgres says was broken, without the values that broke it, which may be what a buyer says of themselves: its messages and
 * details quote them. Such as `SQLSTATE 23514, constraint orders_total_check, table orders`.
 */
export function brokenRule(error: unknown): string {
  if (!(error instanceof pg.DatabaseError)) return error instanceof Error ? error.name : typeof error;
  const { code = 'unknown', constraint, table, column, dataType } = error;
  const named = Object.entries({ constraint, table, column, type: dataType }).filter(([, name]) => name !== undefined);
  return [`SQLSTATE ${code}`, ...named.map(([what, name]) => `${what} ${name ?? ''}`)].join(', ');
}

/** Turns an error of `pg` into `unavailable`, unless it says that the statement or its values were wrong. */
export function asUnavailable(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  if (error instanceof pg.DatabaseError) return isPassing(error.code) ? unavailable(error) : error;
  return isConnectionError(error) ? unavailable(error) : error;
}

/** Whether that SQLSTATE says that Postgres, or PgBouncer before it, cannot serve just now. */
export function isPassing(state = ''): boolean {
  return passingClasses.has(state.slice(0, 2)) || passingStates.has(state);
}

/** `pg` gives its own connection errors no type; these are its texts, and those of the system below it carry a code. */
function isConnectionError(error: unknown): boolean {
  if (!types.isNativeError(error)) return false;
  const code = (error as NodeJS.ErrnoException).code;
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) return true;
  return /connection|timeout|terminated|not queryable|Cannot use a pool/i.test(error.message);
}
