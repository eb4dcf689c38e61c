import type { Script } from '../redis/index.js';
import { lua, unexpected } from './lua.js';

export const fence: Script<void> = {
  name: 'fence',
  lua: lua('fence'),
  keys: ['sale'],
  parse: (reply) => (reply === 1 ? undefined : unexpected('fence', reply)),
};
