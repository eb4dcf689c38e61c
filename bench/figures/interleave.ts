import type { Bench } from '../bench.js';
import type { Pair } from '../report/result.js';

/**
 * Yardstick, ours, yardstick, ours, …: what the machine does meanwhile happens to both. Each is told how many seconds its
 * run takes. A pair that is not counted comes first, so that all code is warm.
 */
export async function interleave(
  { scale, stop, say }: Bench,
  name: string,
  yardstick: (seconds: number) => Promise<number>,
  ours: (seconds: number) => Promise<number>,
): Promise<Pair[]> {
  if (scale.warmUpSeconds > 0) {
    say(`${name}: warming up`);
    await yardstick(scale.warmUpSeconds);
    await ours(scale.warmUpSeconds);
  }
  const pairs: Pair[] = [];
  for (let run = 1; run <= scale.runs; run++) {
    stop.throwIfAborted();
    say(`${name}: run ${run} of ${scale.runs}`);
    const pair = { yardstick: await yardstick(scale.seconds), value: await ours(scale.seconds) };
    stop.throwIfAborted();
    pairs.push(pair);
  }
  return pairs;
}
