import { stampField, type Script } from '../redis/index.js';
import { luaWithSoundness } from './lua.js';

/** All of a sale's stock in Redis at one instant. The four counts are by ticket type, in tickets. */
export interface Inspection {
  /** null: not loaded */
  readonly epoch: number | null;
  readonly fenced: boolean;
  /** loaded, not fenced, by this very server, and no key lost */
  readonly sound: boolean;
  readonly available: ReadonlyMap<string, number>;
  /** in the outbox */
  readonly queued: ReadonlyMap<string, number>;
  /** of orders that left the outbox since the load */
  readonly settled: ReadonlyMap<string, number>;
  /** given back since the load: by returns, and by orders that Postgres refused */
  readonly returned: ReadonlyMap<string, number>;
  readonly outboxSize: number;
  /** null: the outbox is empty */
  readonly oldestAt: Date | null;
  /** null: the outbox is empty. Later than `now` where Redis's clock has stepped back */
  readonly newestAt: Date | null;
  /** Redis's clock, by which sales open and close */
  readonly now: Date;
}

export const inspect: Script<Inspection> = {
  name: 'inspect',
  lua: luaWithSoundness('inspect'),
  keys: ['sale', 'stock', 'buyers', 'queued', 'queued-at', 'queued-by', 'idem'],
  parse(reply) {
    const [epoch, fence, sound, stock, size, oldest, newest, now] = reply as [
      string,
      string,
      number,
      string[],
      number,
      string,
      string,
      string,
    ];
    return {
      epoch: epoch === '' ? null : Number(epoch),
      fenced: fence !== '',
      sound: sound === 1,
      ...countsOf(stock),
      outboxSize: size,
      oldestAt: timeOf(oldest),
      newestAt: timeOf(newest),
      now: new Date(Number(now)),
    };
  },
};

function timeOf(ms: string): Date | null {
  return ms === '' ? null : new Date(Number(ms));
}

type Counts = Pick<Inspection, 'available' | 'queued' | 'settled' | 'returned'>;

/** The fields of the hash `stock`: `ID`, `ID:queued`, `ID:settled`, `ID:returned`, and the stamp. */
function countsOf(flat: readonly string[]): Counts {
  const counts = { available: new Map(), queued: new Map(), settled: new Map(), returned: new Map() } satisfies Counts;
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [id = '', what = 'available'] = (flat[i] ?? '').split(':');
    if (id !== stampField && what in counts) counts[what as keyof Counts].set(id, Number(flat[i + 1]));
  }
  return counts;
}

/**
 * What Redis accounts for of a ticket type. Purchases, settling and returns leave it as it is; only a change of capacity and a
 * late payment move it, and both move the epoch. So at one epoch it equals Postgres's `capacity − taken + written − returned` at any
 * moment, without a gate. Source: docs/protocol.md, "Balance".
 */
export function balanceOf(inspection: Counts, ticketTypeId: string): number {
  const of = (counts: ReadonlyMap<string, number>): number => counts.get(ticketTypeId) ?? 0;
  return of(inspection.available) + of(inspection.queued) + of(inspection.settled) - of(inspection.returned);
}
