import type { Script } from '../redis/index.js';
import { luaWithSoundness } from './lua.js';

/** Whether the sale was loaded; false: the fence is another's, or something was lost meanwhile. */
export const load: Script<boolean> = {
  name: 'load',
  lua: luaWithSoundness('load'),
  keys: ['sale', 'stock', 'buyers', 'queued', 'queued-at', 'queued-by', 'idem'],
  parse: (reply) => reply === 1,
};
