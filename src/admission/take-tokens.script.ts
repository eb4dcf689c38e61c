import { readFileSync } from 'node:fs';

import type { Script } from '../redis/index.js';

/** What `take-tokens.lua` takes as its argument; the buckets' keys go before it, in the same order. */
export interface TakeTokensInput {
  readonly policies: readonly (readonly [capacity: number, windowMs: number])[];
  /** for each key, the place of its policy, from 1 */
  readonly buckets: readonly number[];
  /** a cost, and the places of the buckets that all have to give it, from 1 */
  readonly draws: readonly (readonly number[])[];
}

export interface TakenTokens {
  /** draw by draw: 0 taken, else the place in the draw of the first bucket that lacks, from 1 */
  readonly refusedBy: readonly number[];
  /** bucket by bucket: what is left after all draws */
  readonly left: readonly number[];
}

export const takeTokens: Script<TakenTokens> = {
  name: 'take-tokens',
  lua: readFileSync(new URL('take-tokens.lua', import.meta.url), 'utf8'),
  keys: [],
  parse(reply) {
    const [refusedBy, milli] = Array.isArray(reply) ? (reply as unknown[]) : [];
    if (!areNumbers(refusedBy) || !areNumbers(milli)) throw new Error('take-tokens: unexpected reply');
    return { refusedBy, left: milli.map((thousandths) => thousandths / 1000) };
  },
};

function areNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((part) => typeof part === 'number');
}
