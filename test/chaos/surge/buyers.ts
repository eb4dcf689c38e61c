import { buyerTokens, type Keys } from '../../../src/cli/keys.js';
import { Admin } from './admin.js';
import { Crowd } from './crowd.js';
import { HttpClient } from './http-client.js';
import { Journal } from './journal.js';
import { Random } from './random.js';
import type { ChaosSale } from './sales.js';

/** What the runner tells the buyers' process: how to begin, and when to end. */
export interface BuyersJob {
  readonly apiUrls: readonly string[];
  readonly sales: readonly ChaosSale[];
  readonly keys: Keys;
  readonly seed: number;
  readonly rate: number;
  readonly journalFile: string;
}
export type BuyersCommand = { readonly begin: BuyersJob } | { readonly end: true };

/** What it tells the runner: how far it is, and that the journal is written. */
export type BuyersMessage = { readonly accepted: number; readonly buyers: number } | { readonly written: true };

const tellEveryMs = 500;

// Ctrl-C reaches the whole group, and the runner decides what ends when. Without the runner there is nothing to do.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());

let crowd: Crowd | undefined;
let admin: Admin | undefined;
process.on('message', (command: BuyersCommand) => {
  if ('begin' in command) {
    void begin(command.begin);
  } else {
    crowd?.close();
    admin?.stop();
  }
});

/** Buyers and admin, in a process that no fault strikes, so that what they were told is never forgotten. */
async function begin({ apiUrls, sales, keys, seed, rate, journalFile }: BuyersJob): Promise<void> {
  const journal = new Journal();
  const random = new Random(seed);
  const clients = (headers: Record<string, string>) => apiUrls.map((url) => new HttpClient(url, headers));
  crowd = new Crowd({ nodes: clients({}), sales, token: buyerTokens(keys.buyerSecret), journal, random, rate });
  const admins = clients({ authorization: `Bearer ${keys.adminKey}` });
  admin = new Admin(admins, sales, journal, random, () => journal.someOrder(random));
  const tell = (message: BuyersMessage): void => void process.send?.(message);
  const timer = setInterval(() => {
    tell({ accepted: journal.acceptedCount, buyers: crowd?.size ?? 0 });
  }, tellEveryMs);
  await Promise.all([crowd.open(), admin.work()]);
  clearInterval(timer);
  await journal.write(journalFile);
  process.send?.({ written: true } satisfies BuyersMessage, () => process.exit());
}
