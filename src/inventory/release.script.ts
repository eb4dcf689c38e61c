import type { Script } from '../redis/index.js';
import { lua, unexpected } from './lua.js';

export type ReleaseOutcome = 'given-back' | 'already-done' | 'other-epoch' | 'not-loaded';

export const release: Script<ReleaseOutcome> = {
  name: 'release',
  lua: lua('release'),
  keys: ['sale', 'stock', 'buyers', 'returned'],
  parse(reply) {
    switch (reply) {
      case 1:
        return 'given-back';
      case 0:
        return 'already-done';
      case -1:
        return 'other-epoch';
      case -2:
        return 'not-loaded';
      default:
        return unexpected('release', reply);
    }
  },
};
