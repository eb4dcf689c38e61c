import type { Script } from '../redis/index.js';
import { luaWithSoundness } from './lua.js';
import { parseEntry, type OutboxEntry } from './outbox-entry.js';

export interface Peeked {
  /** null: not in the outbox */
  readonly entry: OutboxEntry | null;
  /** false: that an order is not in the outbox proves nothing, and that it is may be long ago */
  readonly trusted: boolean;
}

export const peek: Script<Peeked> = {
  name: 'peek',
  lua: luaWithSoundness('peek'),
  keys: ['sale', 'queued'],
  parse(reply) {
    const [entry, trusted] = reply as [string, number];
    return { entry: entry === '' ? null : parseEntry(entry), trusted: trusted === 1 };
  },
};
