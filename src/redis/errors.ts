import { types } from 'node:util';
import { ReplyError } from 'ioredis';
import { DomainError, unavailable } from '../domain/index.js';

// What a server says that cannot serve just now; any other reply is a bug of ours.
const passing =
  /^(LOADING|BUSY|READONLY|OOM|MISCONF|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|UNKILLABLE|NOAUTH|WRONGPASS|NOPERM|MOVED|ASK|ERR max number of clients)/;

/** Turns an error of ioredis into `unavailable`, unless it says that the command itself was wrong. */
export function asUnavailable(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  if (!(error instanceof ReplyError)) return types.isNativeError(error) && isBug(error) ? error : unavailable(error);
  return passing.test((error as Error).message) ? unavailable(error) : error;
}

function isBug(error: Error): boolean {
  return error instanceof TypeError || error instanceof SyntaxError || error.message.includes('unexpected reply');
}
