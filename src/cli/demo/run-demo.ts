import { setTimeout as delay } from 'node:timers/promises';
import type { Teardown } from '../teardown.js';
import { Books, type Audit } from './books.js';
import type { DemoOptions } from './options.js';
import type { Progress } from './progress.js';
import { holdSeconds, openSale, setHoldSeconds, type DemoSale } from './sale.js';
import { startSystem } from './system.js';
import { sendWave, type WaveFigures, type WaveJob, type WaveResult } from './wave.js';

const pollMs = 100;
/** How much later than their time holds may end, and returned stock be for sale. */
const graceMs = 30_000;
/** A buyer of the second wave knows that there is stock, and asks for so long. */
const secondWavePatienceMs = 15_000;

/** The second wave is there to buy: however slow the machine is, its holds shall not run out. */
const secondHoldSeconds = 600;

export interface DemoResult {
  readonly first: WaveResult;
  readonly second: WaveResult;
  readonly audit: Audit;
}

/** Sells out twice and looks into the books. @throws the reason of `stop`; Error when the system does not do its part */
export async function runDemo(
  { tickets, buyers, concurrency }: DemoOptions,
  teardown: Teardown,
  stop: AbortSignal,
  progress: Progress,
): Promise<DemoResult> {
  const system = await startSystem(teardown, stop, progress);
  const sale = await openSale(system, tickets);
  const books = new Books(system, sale);
  teardown.add(() => books.close());
  progress.done(`the sale is open: ${sale.ticketTypes.map(({ name, capacity }) => `${capacity} ${name}`).join(', ')}`);

  const wave = async (name: string, job: Pick<WaveJob, 'crowd' | 'demand' | 'confirmations' | 'patienceMs'>) => {
    const settings = { api: system.api, saleId: sale.id, buyerSecret: system.keys.buyerSecret, concurrency };
    const result = await sendWave({ ...settings, ...job }, stop, (figures) => {
      progress.update(`${name}: ${told(figures)}`);
    });
    progress.done(`${name}: ${told(result)}`);
    return result;
  };
  const first = await wave('first wave', {
    crowd: 'buyer',
    demand: evenly(sale, buyers),
    confirmations: Math.ceil(Math.min(tickets, buyers) / 5),
    patienceMs: 0,
  });
  await quiet(books, stop, progress);
  await setHoldSeconds(system, sale, secondHoldSeconds);
  const returned = await returnedStock(books, sale, buyers);
  const second = await wave('second wave', {
    crowd: 'late-buyer',
    demand: returned,
    confirmations: returned.reduce((sum, { buyers: count }) => sum + count, 0),
    patienceMs: secondWavePatienceMs,
  });
  await quiet(books, stop, progress);
  return { first, second, audit: await books.audit([...first.orderIds, ...second.orderIds]) };
}

/** The buyers shared out over the ticket types. */
function evenly({ ticketTypes }: DemoSale, buyers: number): WaveJob['demand'] {
  const share = Math.floor(buyers / ticketTypes.length);
  const left = buyers - share * ticketTypes.length;
  return ticketTypes.map(({ id }, i) => ({ ticketTypeId: id, buyers: share + (i < left ? 1 : 0) }));
}

/** Waits until no hold runs and nothing is on its way. Not for ever: the audit tells what is missing. */
async function quiet(books: Books, stop: AbortSignal, progress: Progress): Promise<void> {
  const deadline = performance.now() + holdSeconds * 1000 + graceMs;
  for (;;) {
    const { reserved, confirmed, expired } = await books.orders();
    const text = `holds: ${reserved} running, ${confirmed} confirmed, ${expired} expired`;
    if ((reserved === 0 && (await books.isSettled())) || performance.now() > deadline) {
      progress.done(text);
      return;
    }
    progress.update(text);
    await delay(pollMs, undefined, { signal: stop }).catch(() => undefined);
    stop.throwIfAborted();
  }
}

/** A buyer for each ticket that came back; what the first wave left over, being smaller than the sale, is not counted. */
async function returnedStock(books: Books, { ticketTypes }: DemoSale, buyers: number): Promise<WaveJob['demand']> {
  const available = await books.available();
  const unwanted = new Map(evenly({ id: '', ticketTypes }, buyers).map((type) => [type.ticketTypeId, type.buyers]));
  return ticketTypes.map(({ id, capacity }) => {
    const never = Math.max(0, capacity - (unwanted.get(id) ?? 0));
    return { ticketTypeId: id, buyers: Math.max(0, (available.get(id) ?? 0) - never) };
  });
}

function told({ requests, accepted, confirmed, refused, unexpected, seconds }: WaveFigures): string {
  const parts = [
    `${requests} requests`,
    `${accepted} accepted`,
    ...Object.entries(refused).map(([code, count]) => `${count} ${code}`),
    ...Object.entries(unexpected).map(([name, count]) => `${count} UNEXPECTED ${name}`),
    `${confirmed} confirmed`,
    `${Math.round(requests / seconds)} a second`,
  ];
  return parts.join(', ');
}
