import { setTimeout as delay } from 'node:timers/promises';
import { buyer, type ApiClient } from './api-client.js';
import { openSale, purchase, type GivenSale } from './given.js';
import { Meter, told, type Figures } from './meter.js';

/** What buyers of a sale are promised at p99 while another sale is at its worst. */
const promisedMs = 1000;
const perSecond = 20;
/** As a page does it: at once a few times, then as `Retry-After` says. */
const pollAfterMs = (nth: number): number => (nth < 10 ? 100 : 1000);
/** A buyer whose order is on its way for longer gives up: that counts as a refusal. */
const patienceMs = 10_000;

const steps = ['purchase', 'status', 'confirm'] as const;

/** What buyers met, by what they asked for. */
export type Liveness = Readonly<Record<(typeof steps)[number], Figures>>;

/**
 * A sale to which nothing happens, and its buyers: so many a second buy, poll until their order is reserved, and confirm it. They come
 * at their times whatever became of those before them.
 */
export class HealthySale {
  private meters = newMeters();
  private timer: NodeJS.Timeout | undefined;
  private readonly underWay = new Set<Promise<void>>();
  private buyers = 0;

  private constructor(
    readonly sale: GivenSale,
    private readonly api: ApiClient,
  ) {}

  static async open(api: ApiClient): Promise<HealthySale> {
    return new HealthySale(await openSale(api, { name: 'Healthy', capacities: [1_000_000] }), api);
  }

  start(): void {
    this.meters = newMeters();
    this.timer = setInterval(() => {
      const bought = this.buy(`healthy-${this.buyers++}`, this.meters);
      this.underWay.add(bought);
      void bought.then(() => this.underWay.delete(bought));
    }, 1000 / perSecond);
  }

  /** Resolves when the last buyer is through. @returns what they met since the start */
  async stop(): Promise<Liveness> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
    const { purchase, status, confirm } = this.meters;
    return { purchase: purchase.figures(), status: status.figures(), confirm: confirm.figures() };
  }

  /** What buyers met while something else went on. */
  async during(work: () => Promise<unknown>): Promise<Liveness> {
    this.start();
    try {
      await work();
    } finally {
      await this.stop();
    }
    return this.stop();
  }

  /** The yardstick: what buyers meet while nothing is wrong. */
  undisturbed(seconds = 5): Promise<Liveness> {
    return this.during(() => delay(seconds * 1000));
  }

  private async buy(buyerId: string, meters: ReturnType<typeof newMeters>): Promise<void> {
    const bought = await meters.purchase.time(202, () => purchase(this.api, this.sale, buyerId));
    if (bought?.status !== 202) return;
    const path = `${this.sale.orders}/${bought.body.id}`;
    const gaveUpAt = performance.now() + patienceMs;
    for (let nth = 0; ; nth++) {
      const asked = await meters.status.time(200, () => this.api.get(path, buyer(buyerId)));
      if (asked?.status === 200 && asked.body.status !== 'queued') break;
      if (performance.now() > gaveUpAt) {
        meters.status.refuse(`still queued after ${patienceMs} ms`);
        return;
      }
      await delay(pollAfterMs(nth));
    }
    await meters.confirm.time(200, () => this.api.post(`${path}/confirm`, buyer(buyerId)));
  }
}

/**
 * What was not as promised, a line each, with the yardstick of the same run: this machine may be busy with something else.
 * @returns nothing where every answer was in time and none a refusal
 */
export function brokenPromises(during: Liveness, before: Liveness): string[] {
  return steps
    .filter((step) => during[step].p99 >= promisedMs || Object.keys(during[step].refused).length > 0)
    .map((step) => `${step}: ${told(during[step])}; before the fault: ${told(before[step])}`);
}

/** All of it, for whoever reads along. */
export function toldOf(liveness: Liveness): string {
  return steps.map((step) => `${step} ${told(liveness[step])}`).join('; ');
}

function newMeters() {
  return { purchase: new Meter(), status: new Meter(), confirm: new Meter() };
}
