import { stampField, type Script } from '../redis/index.js';
import { luaWithSoundness } from './lua.js';
import { parseEntry, type OutboxEntry } from './outbox-entry.js';

/** All of a sale's stock in Redis at one instant. */
export interface Inspection {
  /** null: not loaded */
  readonly epoch: number | null;
  readonly fenced: boolean;
  /** loaded, not fenced, by this very server, and no key lost */
  readonly sound: boolean;
  readonly available: ReadonlyMap<string, number>;
  /** tickets in the outbox by ticket type */
  readonly queued: ReadonlyMap<string, number>;
  readonly outboxSize: number;
  /** null: the outbox is empty */
  readonly oldestAt: Date | null;
  /** null: the outbox is empty. Later than `now` where Redis's clock has stepped back */
  readonly newestAt: Date | null;
  /** for each return asked for: whether it was given back */
  readonly returned: readonly boolean[];
  /** for each order asked for: its entry, or null where it is not in the outbox */
  readonly entries: readonly (OutboxEntry | null)[];
  /** Redis's clock, by which sales open and close */
  readonly now: Date;
}

export const inspect: Script<Inspection> = {
  name: 'inspect',
  lua: luaWithSoundness('inspect'),
  keys: ['sale', 'stock', 'buyers', 'queued', 'queued-at', 'queued-sum', 'queued-by', 'idem', 'returned'],
  parse(reply) {
    const [epoch, fence, sound, stock, sums, size, oldest, returned, entries, now, newest] = reply as [
      string,
      string,
      number,
      string[],
      string[],
      number,
      string,
      number[],
      string[],
      string,
      string,
    ];
    return {
      epoch: epoch === '' ? null : Number(epoch),
      fenced: fence !== '',
      sound: sound === 1,
      available: counts(stock),
      queued: counts(sums),
      outboxSize: size,
      oldestAt: timeOf(oldest),
      newestAt: timeOf(newest),
      returned: returned.map((given) => given === 1),
      entries: entries.map((entry) => (entry === '' ? null : parseEntry(entry))),
      now: new Date(Number(now)),
    };
  },
};

function timeOf(ms: string): Date | null {
  return ms === '' ? null : new Date(Number(ms));
}

function counts(flat: readonly string[]): Map<string, number> {
  const map = new Map<string, number>();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const field = flat[i];
    if (field !== undefined && field !== stampField) map.set(field, Number(flat[i + 1]));
  }
  return map;
}
