import type { DemoResult } from './run-demo.js';
import type { WaveFigures } from './wave.js';

/** The result, one figure a line. `seconds` and `requests a second` are the first wave's. */
export function report({ first, second, audit }: DemoResult): string[] {
  return [
    ...wave('', first),
    `seconds ${first.seconds.toFixed(2)}`,
    `requests a second ${Math.round(first.requests / first.seconds)}`,
    ...wave('second wave ', second),
    `confirmed ${audit.confirmed}`,
    `reserved ${audit.reserved}`,
    `expired ${audit.expired}`,
    `sold ${audit.sold}`,
    `oversold ${audit.oversold}`,
    `lost ${audit.lost}`,
    `drift ${audit.drift}`,
  ];
}

/** Whether the system kept its promises, and every buyer had an answer. */
export function isClean({ first, second, audit }: DemoResult): boolean {
  return audit.oversold + audit.lost + audit.drift + first.unanswered + second.unanswered === 0;
}

function wave(prefix: string, { requests, accepted, refused, unexpected, unanswered }: WaveFigures): string[] {
  const { sold_out: soldOut = 0, ...others } = refused;
  return [
    `requests ${requests}`,
    `accepted ${accepted}`,
    `refused sold_out ${soldOut}`,
    ...Object.entries(others).map(([code, count]) => `refused ${code} ${count}`),
    ...Object.entries(unexpected).map(([name, count]) => `unexpected ${name} ${count}`),
    ...(unanswered === 0 ? [] : [`unanswered ${unanswered}`]),
  ].map((line) => prefix + line);
}
