import type { Script } from '../redis/index.js';
import { lua, unexpected } from './lua.js';

/** How many of the orders were still in the outbox. */
export const settle: Script<number> = {
  name: 'settle',
  lua: lua('settle'),
  keys: ['stock', 'buyers', 'queued', 'queued-at', 'queued-by'],
  parse: (reply) => (typeof reply === 'number' ? reply : unexpected('settle', reply)),
};
