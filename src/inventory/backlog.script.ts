import type { Script } from '../redis/index.js';
import { lua } from './lua.js';

/** What waits in a sale's outbox. */
export interface Backlog {
  readonly orders: number;
  /** those of them that had been taken by the moment that was asked for */
  readonly takenBefore: number;
  /** Redis's clock, ms since epoch */
  readonly nowMs: number;
  /** the oldest orders, oldest first */
  readonly oldest: readonly { readonly orderId: string; readonly takenAtMs: number }[];
}

export const backlog: Script<Backlog> = {
  name: 'backlog',
  lua: lua('backlog'),
  keys: ['queued-at'],
  parse(reply) {
    const [orders, takenBefore, now, ...flat] = reply as [number, number, string, ...string[]];
    const oldest: { orderId: string; takenAtMs: number }[] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) {
      oldest.push({ orderId: flat[i] ?? '', takenAtMs: Number(flat[i + 1]) });
    }
    return { orders, takenBefore, nowMs: Number(now), oldest };
  },
};
