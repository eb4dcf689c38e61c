import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { signed, webhookPath } from '../../support/webhook.js';
import type { HttpClient } from './http-client.js';
import type { Journal, PaymentRecord } from './journal.js';
import type { Random } from './random.js';

/** A real one goes on for days; this is longer than any fault, and the orders of a gate that is held for a minute wait behind it. */
const patienceMs = 150_000;
const pauseMs = { min: 300, max: 1200 };
/** How long after its hold a late payment comes at the most. */
const latenessMs = 3000;

/** The orders of one sale that are paid for late, and by how many a second. */
interface LatePayments {
  readonly saleId: string;
  readonly orderIds: readonly string[];
  readonly perSecond: number;
}

/** The payment provider of the sales that are paid by webhook: it repeats what is not answered 204, and is not always on time. */
export class Provider {
  constructor(
    private readonly nodes: readonly HttpClient[],
    private readonly journal: Journal,
    private readonly random: Random,
  ) {}

  /** A buyer pays: mostly once and at once, else twice, after a failure, or after the hold. Resolves when the provider was heard. */
  async pay(saleId: string, orderId: string, holdSeconds: number): Promise<void> {
    const { random } = this;
    const choice = random.next();
    const succeed = (reference: string = randomUUID()): Promise<void> =>
      this.send({ saleId, orderId, reference, type: 'payment.succeeded' });
    if (choice < 0.15) {
      const reference = randomUUID();
      await Promise.all([succeed(reference), succeed(reference)]);
    } else if (choice < 0.2) {
      await Promise.all([succeed(), succeed()]); // two payments, of which one is owed back
    } else if (choice < 0.35) {
      await this.send({ saleId, orderId, reference: randomUUID(), type: 'payment.failed' });
      if (random.chance(0.5)) await succeed();
    } else {
      if (choice < 0.55) await delay(holdSeconds * 1000 + random.integer(0, latenessMs));
      await succeed();
    }
  }

  /** Pays one order after the other, at that rate, whether the earlier ones were heard or not; resolves when all were. */
  async payLate({ saleId, orderIds, perSecond }: LatePayments): Promise<void> {
    const under: Promise<void>[] = [];
    for (const orderId of orderIds) {
      under.push(this.send({ saleId, orderId, reference: randomUUID(), type: 'payment.succeeded' }));
      await delay(1000 / perSecond);
    }
    await Promise.all(under);
  }

  /** Repeats one webhook until it is answered, or is not by any patience. */
  private async send(event: Omit<PaymentRecord, 'sentAt' | 'answeredAt'>): Promise<void> {
    const { journal, random } = this;
    const { saleId, orderId, reference, type } = event;
    const json = { type, saleId, orderId, paymentReference: reference };
    const payment = { ...event, sentAt: Date.now() };
    journal.pays(payment);
    for (const deadline = performance.now() + patienceMs; performance.now() < deadline;) {
      const headers = signed(JSON.stringify(json));
      const answer = await random.pick(this.nodes).send({ method: 'POST', path: webhookPath, headers, json });
      const { status, code, body, answeredAt } = answer;
      journal.answered(`pay ${status} ${code}`.trimEnd());
      if (status === 204) {
        journal.tookPayment(payment, answeredAt);
        return;
      }
      // the audit knows whether an order that had been accepted may be gone
      if (status === 404 && journal.missing(orderId, answeredAt)) return;
      // a node whose clock is wrong finds the signature too old or from the future: a provider comes again
      if (status !== 0 && status !== 503 && status !== 401) {
        journal.surprised(`${type} of ${orderId} at ${answeredAt}: ${status} ${code} ${body.detail ?? ''}`);
        return;
      }
      await delay(random.integer(pauseMs.min, pauseMs.max));
    }
  }
}
