import { signal } from '@preact/signals';

/** How well one answer tells the server's time: the shorter its way, the better. */
interface Sample {
  readonly offsetMs: number;
  readonly roundTripMs: number;
  readonly takenMs: number;
}

/** Clocks drift, and devices sleep. */
const sampleLifeMs = 60_000;
const lookEveryMs = 200;

let best: Sample = { offsetMs: 0, roundTripMs: Infinity, takenMs: 0 };

/** Sets the clock by an answer's `serverTime` and the device's times before and after. */
export function setClock(serverTime: string, sentMs: number, receivedMs: number): void {
  const roundTripMs = receivedMs - sentMs;
  if (roundTripMs > best.roundTripMs && receivedMs - best.takenMs < sampleLifeMs) return;
  best = { offsetMs: Date.parse(serverTime) - (sentMs + receivedMs) / 2, roundTripMs, takenMs: receivedMs };
}

/** Milliseconds since the epoch, by the server's clock. */
export function serverNow(): number {
  return Date.now() + best.offsetMs;
}

/** The server's time in whole seconds, in ms: what reads it is shown anew each second. */
export const serverSecond = signal(wholeSecond());

setInterval(() => {
  serverSecond.value = wholeSecond();
}, lookEveryMs);

function wholeSecond(): number {
  return Math.floor(serverNow() / 1000) * 1000;
}
