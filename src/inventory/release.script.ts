import type { Script } from '../redis/index.js';
import { lua, unexpected } from './lua.js';

/** `other-load`, `not-loaded` and `gap`: nothing happened, and a reload will count what the batch gives back. */
export type ReleaseOutcome = 'given-back' | 'already-done' | 'other-load' | 'not-loaded' | 'gap';

const outcomes: ReadonlyMap<unknown, ReleaseOutcome> = new Map([
  [1, 'given-back'],
  [0, 'already-done'],
  [-1, 'other-load'],
  [-2, 'not-loaded'],
  [-3, 'gap'],
]);

export const release: Script<ReleaseOutcome> = {
  name: 'release',
  lua: lua('release'),
  keys: ['sale', 'stock', 'buyers'],
  parse: (reply) => outcomes.get(reply) ?? unexpected('release', reply),
};
