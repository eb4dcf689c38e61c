import type { Script } from '../redis/index.js';
import { luaWithSoundness, unexpected } from './lua.js';

export type ReserveOutcome =
  | { readonly kind: 'reserved'; readonly takenAtMs: number }
  | { readonly kind: 'replayed'; readonly orderId: string }
  | { readonly kind: 'recovering' }
  | { readonly kind: 'key-reused' | 'draft' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'not-open'; readonly opensInMs: number }
  | { readonly kind: 'sold-out'; readonly ticketTypeIds: readonly string[] }
  | { readonly kind: 'limit'; readonly left: number };

/** An outcome for each order, in their order. */
export const reserve: Script<ReserveOutcome[]> = {
  name: 'reserve',
  lua: luaWithSoundness('reserve'),
  keys: ['sale', 'stock', 'buyers', 'queued', 'queued-at', 'queued-by', 'idem'],
  parse(replies) {
    if (!Array.isArray(replies)) return unexpected('reserve', replies);
    return replies.map((reply) => outcomeOf(reply as [string, ...string[]]));
  },
};

function outcomeOf(reply: [string, ...string[]]): ReserveOutcome {
  const [kind, ...rest] = reply;
  switch (kind) {
    case 'reserved':
      return { kind, takenAtMs: Number(rest[0]) };
    case 'replayed':
      return { kind, orderId: String(rest[0]) };
    case 'reused':
      return { kind: 'key-reused' };
    case 'recovering':
    case 'draft':
    case 'closed':
    case 'paused':
      return { kind };
    case 'not-open':
      return { kind, opensInMs: Number(rest[0]) - Number(rest[1]) };
    case 'sold-out':
      return { kind, ticketTypeIds: rest };
    case 'limit':
      return { kind, left: Number(rest[0]) };
    default:
      return unexpected('reserve', reply);
  }
}
