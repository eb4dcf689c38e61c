import { setTimeout as delay } from 'node:timers/promises';
import { buyerTokens } from '../keys.js';
import { BuyerClient, type Answer } from './buyer-client.js';
import { Tally } from './tally.js';
import type { WaveJob, WaveMessage } from './wave.js';

/** A buyer who got no clear answer sends the same request, with the same key, so many times. */
const maxAttempts = 20;
const retryMs = 250;
const figuresEveryMs = 100;
const waitSeconds = 10;

// Ctrl-C reaches the whole group, and the demo decides what ends when. Without the demo there is nothing to do.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());
process.once('message', (job: WaveJob) => {
  void send(job);
});

/** The load generator's process: sends one wave, tells how it goes, and ends. */
async function send(job: WaveJob): Promise<void> {
  const crowd = new Crowd(job);
  const timer = setInterval(() => {
    tell({ figures: crowd.tally.figures() });
  }, figuresEveryMs);
  await crowd.buy();
  clearInterval(timer);
  tell({ result: { ...crowd.tally.figures(), orderIds: [...crowd.tally.orderIds] } }, () => process.exit());
}

function tell(message: WaveMessage, then: () => void = () => undefined): void {
  process.send?.(message, then);
}

interface Buyer {
  readonly id: string;
  readonly ticketTypeId: string;
  readonly authorization: string;
}

class Crowd {
  readonly tally = new Tally();
  private readonly client: BuyerClient;
  private readonly buyers: readonly Buyer[];
  private readonly orders: string;
  /** Each confirms one order after the other. */
  private readonly confirmers: Promise<void>[];
  private chosen = 0;

  constructor(private readonly job: WaveJob) {
    const token = buyerTokens(job.buyerSecret);
    this.client = new BuyerClient(job.api);
    this.orders = `/v1/sales/${job.saleId}/orders`;
    this.confirmers = Array.from({ length: job.concurrency }, () => Promise.resolve());
    this.buyers = byTurns(job.demand).map((ticketTypeId, i) => {
      const id = `${job.crowd}-${i}`;
      return { id, ticketTypeId, authorization: `Bearer ${token(id)}` };
    });
  }

  /** Resolves when every buyer had an answer, or gave up, and those who confirm have done so. */
  async buy(): Promise<void> {
    this.tally.start();
    const queue = this.buyers.values(); // shared: each takes the next
    const lanes = Array.from({ length: this.job.concurrency }, async () => {
      for (const buyer of queue) await this.purchase(buyer);
    });
    await Promise.all(lanes);
    this.tally.stop();
    await Promise.all(this.confirmers);
    this.client.close();
  }

  private async purchase(buyer: Buyer): Promise<void> {
    const headers = { authorization: buyer.authorization, 'idempotency-key': `purchase of ${buyer.id}` };
    const body = { items: [{ ticketTypeId: buyer.ticketTypeId, quantity: 1 }] };
    const patientUntil = performance.now() + this.job.patienceMs;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.client.send('POST', this.orders, headers, body);
      this.tally.note(answer);
      if (answer.status === 202 && answer.body.id !== undefined) {
        this.accepted(buyer, answer.body.id);
        return;
      }
      if (answer.status === 409) {
        if (answer.code !== 'sold_out' || performance.now() >= patientUntil) return;
        attempt--; // a clear answer, only not the one he hopes for
      } else if (!mayPass(answer) || attempt === maxAttempts) {
        this.tally.gaveUp();
        return;
      }
      await delay(Math.max(retryMs, answer.retryAfterSeconds * 1000));
    }
  }

  private accepted(buyer: Buyer, orderId: string): void {
    if (this.chosen === this.job.confirmations) return;
    const confirmer = this.chosen++ % this.confirmers.length;
    const before = this.confirmers[confirmer];
    this.confirmers[confirmer] = (async () => {
      await before;
      await this.confirm(buyer, orderId);
    })();
  }

  private async confirm({ authorization }: Buyer, orderId: string): Promise<void> {
    const order = `${this.orders}/${orderId}`;
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const seen = await this.client.send('GET', `${order}?wait=${waitSeconds}`, { authorization });
      const answer =
        seen.status === 200 && seen.body.status !== 'queued'
          ? await this.client.send('POST', `${order}/confirm`, { authorization })
          : seen;
      if (answer.status === 200 && answer.body.status === 'confirmed') {
        this.tally.confirmed();
        return;
      }
      this.tally.noteConfirmation(answer);
      if (answer.status !== 200 && !mayPass(answer)) return;
      if (answer.status !== 200) await delay(retryMs);
    }
  }
}

/** Whether the same request may get another answer. */
function mayPass({ status }: Answer): boolean {
  return status === 0 || status === 429 || status >= 500;
}

/** One entry for each buyer: first one of each type, then another of each, and so on. */
function byTurns(demand: WaveJob['demand']): string[] {
  const left = demand.map(({ ticketTypeId, buyers }) => ({ ticketTypeId, buyers }));
  const turns: string[] = [];
  for (let some = true; some;) {
    some = false;
    for (const type of left) {
      if (type.buyers === 0) continue;
      type.buyers--;
      turns.push(type.ticketTypeId);
      some = true;
    }
  }
  return turns;
}
