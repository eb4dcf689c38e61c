import type { Script } from '../redis/index.js';
import { lua, unexpected } from './lua.js';

export const rewrite: Script<number> = {
  name: 'rewrite',
  lua: lua('rewrite'),
  keys: ['queued'],
  parse: (reply) => (typeof reply === 'number' ? reply : unexpected('rewrite', reply)),
};
