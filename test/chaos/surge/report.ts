import { promises, type Verdict } from './audit.js';
import type { FaultKind } from './fault-kinds.js';
import { groupBy } from './group-by.js';
import { healthyTable } from './healthy-figures.js';
import type { JournalRecord } from './journal.js';
import type { Struck } from './struck.js';

const shownFindings = 10;
/** A run in which next to nothing was sold proves next to nothing. */
const leastAcceptedASecond = 10;

export function isClean({ broken }: Verdict, { accepted }: JournalRecord, seconds: number): boolean {
  return promises.every((name) => broken[name].length === 0) && accepted.length >= leastAcceptedASecond * seconds;
}

/** What the run showed, for a person. */
export function report(struck: readonly Struck[], journal: JournalRecord, verdict: Verdict): string[] {
  const { destroyed, broken } = verdict;
  return [
    ...faultTable(struck, journal, verdict),
    '',
    ...healthyTable(verdict.healthy),
    '',
    ...Object.entries(journal.answers)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([what, count]) => `answer ${what}: ${count}`),
    ...Object.entries(verdict.orders).map(([what, count]) => `orders ${what}: ${count}`),
    `reloads ${verdict.reloads}`,
    ...destroyedLines(destroyed),
    ...paymentLines(journal, verdict),
    '',
    `accepted ${journal.orders.length}`,
    `destroyed with Redis ${destroyed.length}`,
    ...promises.flatMap((name) => [
      `${name} ${broken[name].length}`,
      ...broken[name].slice(0, shownFindings).map((finding) => `    ${finding}`),
    ]),
  ];
}

function faultTable(struck: readonly Struck[], { accepted }: JournalRecord, { destroyed }: Verdict): string[] {
  const byAnswer = [...accepted].sort(([, a], [, b]) => a - b);
  /** ms to the first 202 whose request was sent after that moment */
  const next202 = (after: number): number => {
    const found = byAnswer.find(([sentAt]) => sentAt >= after);
    return found === undefined ? Infinity : found[1] - after;
  };
  const kinds = [...new Set(struck.map(({ fault }) => fault.kind))].sort();
  const line = (name: string, ...cells: string[]): string =>
    name.padEnd(16) + cells.map((cell) => cell.padStart(14)).join('');
  const rows = kinds.map((kind: FaultKind) => {
    const all = struck.filter(({ fault }) => fault.kind === kind);
    const done = all.filter(({ failure }) => failure === undefined);
    return line(
      kind,
      String(done.length),
      String(all.length - done.length),
      ...spread(done.map(({ at }) => next202(at))),
      ...spread(done.map(({ overAt }) => next202(overAt))),
      ...(kind.startsWith('redis-') ? [String(destroyed.filter(({ by }) => by.kind === kind).length)] : []),
    );
  });
  return [
    line('', '', '', 'next 202', 'after it', 'next 202', 'after its end'),
    line('fault', 'count', 'not done', 'median', 'max', 'median', 'max', 'destroyed'),
    ...rows,
  ];
}

/** Median and maximum, as seconds. */
function spread(times: readonly number[]): [string, string] {
  const sorted = [...times].sort((a, b) => a - b);
  const seconds = (ms: number | undefined): string =>
    ms === undefined ? '' : ms === Infinity ? 'none' : `${(ms / 1000).toFixed(2)} s`;
  return [seconds(sorted[Math.floor((sorted.length - 1) / 2)]), seconds(sorted.at(-1))];
}

/** How long those orders had been in the outbox at the most: they went because Postgres did not have them yet. */
function destroyedLines(destroyed: Verdict['destroyed']): string[] {
  if (destroyed.length === 0) return [];
  const ages = destroyed.map(({ order, by }) => Math.max(0, by.to - order.answeredAt));
  return [
    `destroyed with Redis: none of them is in Postgres or was ever seen out of the queue; the oldest had its 202 for ${(Math.max(...ages) / 1000).toFixed(2)} s`,
  ];
}

function paymentLines({ payments }: JournalRecord, { refunds }: Verdict): string[] {
  const unheard = payments.filter(({ answeredAt }) => answeredAt === null).length;
  const reasons = [...groupBy(refunds, ({ reason }) => reason)].map(([reason, all]) => `${all.length} ${reason}`);
  return [
    `payments ${payments.length}, never answered 204 ${unheard}, owed back ${refunds.length} (${reasons.join(', ')})`,
  ];
}
