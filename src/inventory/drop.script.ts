import type { Script } from '../redis/index.js';
import { lua } from './lua.js';

/** Whether the fence was still ours. */
export const drop: Script<boolean> = {
  name: 'drop',
  lua: lua('drop'),
  keys: ['sale', 'queued'],
  parse: (reply) => reply === 1,
};
