import type { Script } from '../redis/index.js';
import { luaWithSoundness, unexpected } from './lua.js';

export type ChangeOutcome =
  | { readonly kind: 'changed' | 'limit' }
  | { readonly kind: 'unsound' }
  | { readonly kind: 'taken'; readonly ticketTypeIds: readonly string[] };

export const change: Script<ChangeOutcome> = {
  name: 'change',
  lua: luaWithSoundness('change'),
  keys: ['sale', 'stock', 'buyers', 'queued', 'queued-by', 'idem'],
  parse(reply) {
    const [kind, ...ticketTypeIds] = reply as [string, ...string[]];
    if (kind === 'taken') return { kind, ticketTypeIds };
    return kind === 'changed' || kind === 'unsound' || kind === 'limit' ? { kind } : unexpected('change', reply);
  },
};
