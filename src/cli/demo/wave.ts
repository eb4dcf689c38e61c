import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const loadGenerator = fileURLToPath(new URL('./load-generator.js', import.meta.url));

/** A crowd of buyers, each of whom wants one ticket. */
export interface WaveJob {
  readonly api: string;
  readonly saleId: string;
  /** signs the buyers' tokens */
  readonly buyerSecret: string;
  /** buyers are called by this and a number */
  readonly crowd: string;
  /** how many buyers want a ticket of each type; those of different types come by turns */
  readonly demand: readonly { readonly ticketTypeId: string; readonly buyers: number }[];
  /** requests under way at once */
  readonly concurrency: number;
  /** so many of the first who are accepted confirm, as soon as they can */
  readonly confirmations: number;
  /** ms for which a buyer who hears `sold_out` asks again; 0: he goes home at once */
  readonly patienceMs: number;
}

/** What became of it so far. */
export interface WaveFigures {
  /** purchase requests that had their answer, or lost it; retries count */
  readonly requests: number;
  readonly accepted: number;
  readonly confirmed: number;
  /** answers by which the sale turned buyers away, by code; `hold_expired` to those who confirmed too late */
  readonly refused: Readonly<Record<string, number>>;
  /** any other answer, and lost ones, by status and code */
  readonly unexpected: Readonly<Record<string, number>>;
  /** buyers who gave up without a clear answer */
  readonly unanswered: number;
  /** seconds from the first request to the last answer to a purchase */
  readonly seconds: number;
}

export interface WaveResult extends WaveFigures {
  /** the journal: ids of all orders that were answered 202 */
  readonly orderIds: readonly string[];
}

/** What the load generator tells us: figures a few times a second, then the result. */
export type WaveMessage = { readonly figures: WaveFigures } | { readonly result: WaveResult };

/** Has a process of its own send the crowd. @throws the reason of `stop`; Error when the process dies */
export async function sendWave(
  job: WaveJob,
  stop: AbortSignal,
  onFigures: (figures: WaveFigures) => void,
): Promise<WaveResult> {
  stop.throwIfAborted();
  const child = fork(loadGenerator, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  stop.addEventListener('abort', kill);
  let result: WaveResult | undefined;
  child.on('message', (message: WaveMessage) => {
    if ('result' in message) result = message.result;
    else onFigures(message.figures);
  });
  child.send(job);
  try {
    // `close` comes after the last message
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    stop.throwIfAborted();
    if (result === undefined) throw new Error(`the load generator died (${signal ?? `exit code ${code ?? ''}`})`);
    return result;
  } finally {
    stop.removeEventListener('abort', kill);
  }
}
