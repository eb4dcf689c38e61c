import type { Script } from '../redis/index.js';
import { lua, unexpected } from './lua.js';

/** How many orders were counted that were not counted before. */
export const stage: Script<number> = {
  name: 'stage',
  lua: lua('stage'),
  keys: ['queued'],
  parse: (reply) => (typeof reply === 'number' ? reply : unexpected('stage', reply)),
};
