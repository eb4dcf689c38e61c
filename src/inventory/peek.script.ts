import type { Script } from '../redis/index.js';
import { luaWithSoundness } from './lua.js';
import { parseEntry, type OutboxEntry } from './outbox-entry.js';

export interface Peeked {
  /** in the order in which they were asked for; null: not in the outbox */
  readonly entries: readonly (OutboxEntry | null)[];
  /** false: that an order is not in the outbox proves nothing, and that it is may be long ago */
  readonly trusted: boolean;
}

export const peek: Script<Peeked> = {
  name: 'peek',
  lua: luaWithSoundness('peek'),
  keys: ['sale', 'queued'],
  parse(reply) {
    const [trusted, ...entries] = reply as [number, ...string[]];
    return { entries: entries.map((entry) => (entry === '' ? null : parseEntry(entry))), trusted: trusted === 1 };
  },
};
