import { buyerTokens, type Keys } from '../../../src/cli/keys.js';
import { Admin } from './admin.js';
import { Crowd } from './crowd.js';
import { HealthyBuyers } from './healthy-buyers.js';
import { HttpClient } from './http-client.js';
import { Journal } from './journal.js';
import { Provider } from './provider.js';
import { Random } from './random.js';
import { isBusy, saleNamed, type ChaosSale } from './sales.js';

/** What the runner tells a process of buyers first. */
export interface BuyersJob {
  /** the many with their admin and payment provider, or those of the healthy sale, who measure and so need a process of their own */
  readonly who: 'many' | 'healthy';
  readonly apiUrls: readonly string[];
  readonly sales: readonly ChaosSale[];
  readonly keys: Keys;
  readonly seed: number;
  readonly rate: number;
  readonly journalFile: string;
}

/** What faults have the many do: pay for holds that have lapsed, while the admin looks; cancel orders of a sale for a while. */
export type BuyersTask =
  | { readonly payLate: { readonly saleId: string; readonly orderIds: readonly string[]; readonly perSecond: number } }
  | { readonly cancel: { readonly saleId: string; readonly forMs: number } };
export type BuyersCommand = { readonly begin: BuyersJob } | BuyersTask | { readonly end: true };

/** What it tells the runner: how far it is, and that the journal is written. */
export type BuyersMessage = { readonly accepted: number; readonly buyers: number } | { readonly written: true };

/** Those who ask the API, from the first request to the last answer. */
interface Party {
  readonly size: number;
  open(): Promise<void>;
  close(): void;
  take(task: BuyersTask): void;
}

const tellEveryMs = 500;

// Ctrl-C reaches the whole group, and the runner decides what ends when. Without the runner there is nothing to do.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());

let party: Party | undefined;
process.on('message', (command: BuyersCommand) => {
  if ('begin' in command) void begin(command.begin);
  else if ('end' in command) party?.close();
  else party?.take(command);
});

/** A process that no fault strikes, so that what they were told is never forgotten. */
async function begin(job: BuyersJob): Promise<void> {
  const journal = new Journal();
  party = job.who === 'many' ? theMany(job, journal) : theHealthy(job, journal);
  const tell = (message: BuyersMessage): void => void process.send?.(message);
  const timer = setInterval(() => {
    tell({ accepted: journal.acceptedCount, buyers: party?.size ?? 0 });
  }, tellEveryMs);
  await party.open();
  clearInterval(timer);
  await journal.write(job.journalFile);
  process.send?.({ written: true } satisfies BuyersMessage, () => process.exit());
}

function theMany({ apiUrls, sales, keys, seed, rate }: BuyersJob, journal: Journal): Party {
  const random = new Random(seed);
  const clients = (headers: Record<string, string>) => apiUrls.map((url) => new HttpClient(url, headers));
  const nodes = clients({});
  const admins = clients({ authorization: `Bearer ${keys.adminKey}` });
  const provider = new Provider(nodes, journal, random);
  const crowd = new Crowd({ nodes, sales, token: buyerTokens(keys.buyerSecret), provider, journal, random, rate });
  for (const { id, maxPerBuyer } of sales) journal.limitOf(id, maxPerBuyer);
  const admin = new Admin(admins, sales.filter(isBusy), journal, random);
  const tasks: Promise<void>[] = [];
  return {
    get size() {
      return crowd.size;
    },
    async open() {
      await Promise.all([crowd.open(), admin.work()]);
      await Promise.all(tasks);
    },
    close() {
      crowd.close();
      admin.stop();
    },
    take(task) {
      if ('payLate' in task) {
        const paid = new AbortController();
        tasks.push(admin.lookAt(task.payLate.saleId, paid.signal));
        tasks.push(
          provider.payLate(task.payLate).finally(() => {
            paid.abort();
          }),
        );
      } else {
        tasks.push(admin.cancelOrders(task.cancel.saleId, task.cancel.forMs));
      }
    },
  };
}

function theHealthy({ apiUrls, sales, keys }: BuyersJob, journal: Journal): Party {
  const sale = saleNamed(sales, 'healthy');
  journal.limitOf(sale.id, sale.maxPerBuyer);
  const buyers = new HealthyBuyers(new HttpClient(apiUrls[0] ?? ''), sale, buyerTokens(keys.buyerSecret), journal);
  return {
    get size() {
      return buyers.size;
    },
    open: () => buyers.open(),
    close: () => {
      buyers.close();
    },
    take: () => undefined, // nothing is done here
  };
}
