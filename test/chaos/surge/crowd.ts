import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { OrderStatus } from '../../../src/domain/index.js';
import type { ChaosAnswer, ChaosRequest, HttpClient } from './http-client.js';
import type { Journal } from './journal.js';
import type { Provider } from './provider.js';
import type { Random } from './random.js';
import { busySales, saleNamed, type BusySale, type ChaosSale } from './sales.js';

export interface CrowdOptions {
  readonly nodes: readonly HttpClient[];
  readonly sales: readonly ChaosSale[];
  readonly token: (buyerId: string) => string;
  readonly provider: Provider;
  readonly journal: Journal;
  readonly random: Random;
  /** purchases begun in a second */
  readonly rate: number;
}

/** Purchases under way at once, and buyers with those who wait for what became of theirs; who comes later goes elsewhere. */
const maxPurchases = 150;
const maxBuyers = 800;
const tickMs = 10;
/** How long a buyer asks again for a clear answer to his purchase, and to what follows. */
const purchasePatienceMs = 15_000;
const patienceMs = 30_000;
const waitSeconds = 2;
/** About what `Retry-After` asks for; some cannot wait. */
const pauseMs = { min: 200, max: 1200 };

/** How often buyers come to each sale, out of 100, and how many different ones: few meet their limits often. */
const shares: Readonly<Record<BusySale, { readonly share: number; readonly buyers: number }>> = {
  stadium: { share: 70, buyers: 200_000 },
  arena: { share: 12, buyers: 3000 },
  theatre: { share: 10, buyers: 2000 },
  club: { share: 8, buyers: 300 },
};

/** The statuses of the order that these refusals of a claim tell. */
const statusOf: Readonly<Record<string, OrderStatus>> = {
  hold_expired: 'expired',
  order_cancelled: 'cancelled',
  order_rejected: 'rejected',
  already_confirmed: 'confirmed',
};

/** The refusals that a buyer of an open or paused sale may get, by what he asks. */
const expected: Readonly<Record<string, readonly string[]>> = {
  purchase: ['sold_out', 'limit_exceeded', 'sale_paused'],
  poll: [],
  list: [],
  'confirm unpaid': ['payment_required'],
  confirm: ['order_not_ready', 'hold_expired', 'order_cancelled', 'order_rejected'],
  cancel: ['order_not_ready', 'hold_expired', 'already_confirmed', 'order_rejected'],
};

/** What is asked about one order that was accepted. */
const aboutOrder = new Set(['poll', 'confirm', 'confirm unpaid', 'cancel']);

interface Buyer {
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly sale: ChaosSale;
  readonly orders: string;
}

type Items = readonly { readonly ticketTypeId: string; readonly quantity: number }[];

/** Buyers as they are: they click twice, ask again, wait, and confirm, cancel or go away. */
export class Crowd {
  private inside = 0;
  private purchases = 0;
  private coming = true;

  constructor(private readonly options: CrowdOptions) {}

  get size(): number {
    return this.inside;
  }

  /** Lets buyers come, at the rate, until told to stop; resolves when the last one is gone. */
  async open(): Promise<void> {
    const startedAt = performance.now();
    let due = 0;
    while (this.coming) {
      await delay(tickMs);
      due = Math.max(due, ((performance.now() - startedAt) / 1000) * this.options.rate - maxPurchases);
      for (; due < ((performance.now() - startedAt) / 1000) * this.options.rate; due++) {
        if (this.purchases < maxPurchases && this.inside < maxBuyers) void this.visit();
      }
    }
    while (this.inside > 0) await delay(tickMs);
  }

  /** Nobody comes any more. */
  close(): void {
    this.coming = false;
  }

  private async visit(): Promise<void> {
    this.inside++;
    try {
      await this.shop();
    } finally {
      this.inside--;
    }
  }

  /** One visit of one buyer. */
  private async shop(): Promise<void> {
    const { random } = this.options;
    const buyer = this.someBuyer();
    const items = this.someItems(buyer.sale);
    const kind = random.next();
    if (kind < 0.1) {
      // without a key nothing is safe to ask again
      await this.follow(buyer, await this.purchase(buyer, purchaseOf(buyer, items, null), 0), null);
    } else if (kind < 0.8) {
      await this.buy(buyer, items, randomUUID(), 1);
    } else if (kind < 0.93) {
      await this.buy(buyer, items, randomUUID(), random.integer(2, 3));
    } else {
      // several orders at once, for which the limit may not be enough
      const keys = Array.from({ length: random.integer(2, 4) }, () => randomUUID());
      await Promise.all(keys.map((key) => this.buy(buyer, items, key, 1)));
    }
    if (random.chance(0.05)) await this.ask(buyer, 'list', { method: 'GET', path: buyer.orders });
  }

  /** Clicks so many times at once, asks again until there is a clear answer, and follows the order. */
  private async buy(buyer: Buyer, items: Items, key: string, clicks: number): Promise<void> {
    const request = purchaseOf(buyer, items, key);
    const answers = await Promise.all(
      Array.from({ length: clicks }, () => this.purchase(buyer, request, purchasePatienceMs)),
    );
    const [answer] = answers.filter(({ status }) => status === 202);
    if (answer !== undefined) await this.follow(buyer, answer, request);
  }

  private async purchase(buyer: Buyer, request: ChaosRequest, forMs: number): Promise<ChaosAnswer> {
    this.purchases++;
    try {
      return await this.insist(buyer, 'purchase', request, forMs, request.headers?.['idempotency-key'] ?? '');
    } finally {
      this.purchases--;
    }
  }

  /** What a buyer does with an order that was accepted. */
  private async follow(buyer: Buyer, answer: ChaosAnswer, purchase: ChaosRequest | null): Promise<void> {
    const { random } = this.options;
    const { id } = answer.body;
    if (answer.status !== 202 || id === undefined) return;
    const choice = random.next();
    if (choice < 0.15) return; // gone at once
    if (!(await this.untilWritten(buyer, id))) return;
    if (random.chance(0.25)) await this.hesitate(buyer, id);
    if (choice < 0.75) await this.own(buyer, id);
    else if (choice < 0.85) await this.claim(buyer, id, 'cancel');
    else if (random.chance(0.4))
      await delay(buyer.sale.holdSeconds * 1000); // looks again when the hold is over
    else return;
    if (random.chance(0.3)) await this.ask(buyer, 'poll', pollOf(buyer, id), id);
    if (random.chance(0.2) && purchase !== null) await this.ask(buyer, 'purchase', purchase, id);
  }

  /** Looks at the order a few times before deciding. */
  private async hesitate(buyer: Buyer, id: string): Promise<void> {
    for (let looks = this.options.random.integer(1, 4); looks > 0; looks--) {
      await this.pause();
      await this.ask(buyer, 'poll', pollOf(buyer, id), id);
    }
  }

  /** Polls until the order is no longer queued; false: it is nowhere, or it takes too long. */
  private async untilWritten(buyer: Buyer, id: string): Promise<boolean> {
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      const answer = await this.ask(buyer, 'poll', pollOf(buyer, id, waitSeconds), id);
      if (answer.status === 200 && answer.body.status !== 'queued') return true;
      if (answer.status === 404) return false;
      if (answer.status !== 200) await this.pause();
    }
    return false;
  }

  /** Confirms, or pays where that is how; some try to have it for nothing. */
  private async own(buyer: Buyer, id: string): Promise<void> {
    const { sale } = buyer;
    if (sale.payment === 'none') {
      await this.claim(buyer, id, 'confirm');
      return;
    }
    if (this.options.random.chance(0.03)) {
      await this.ask(buyer, 'confirm unpaid', { method: 'POST', path: `${buyer.orders}/${id}/confirm` }, id);
    } else {
      await this.options.provider.pay(sale.id, id, sale.holdSeconds);
    }
  }

  private async claim(buyer: Buyer, id: string, what: 'confirm' | 'cancel'): Promise<void> {
    await this.insist(buyer, what, { method: 'POST', path: `${buyer.orders}/${id}/${what}` }, patienceMs, id);
  }

  /** Asks again, the same and of any node, until there is an answer that is one. */
  private async insist(
    buyer: Buyer,
    what: string,
    request: ChaosRequest,
    forMs: number,
    subject: string,
  ): Promise<ChaosAnswer> {
    const deadline = performance.now() + forMs;
    for (;;) {
      const answer = await this.ask(buyer, what, request, subject);
      const clear = answer.status !== 0 && answer.status !== 503 && answer.code !== 'order_not_ready';
      if (clear || performance.now() > deadline) return answer;
      await this.pause();
    }
  }

  private async pause(): Promise<void> {
    await delay(this.options.random.integer(pauseMs.min, pauseMs.max));
  }

  /** Asks some node once, and writes the answer down. `subject`: the order, or a purchase's key. */
  private async ask(buyer: Buyer, what: string, request: ChaosRequest, subject = ''): Promise<ChaosAnswer> {
    const { nodes, journal, random } = this.options;
    const headers = { ...buyer.headers, ...request.headers };
    const answer = await random.pick(nodes).send({ ...request, headers });
    const { status, code, body, sentAt, answeredAt } = answer;
    journal.answered(`${what} ${status} ${code}`.trimEnd());
    if (what === 'purchase' && status === 202 && body.id !== undefined) {
      const key = request.headers?.['idempotency-key'] ?? null;
      const order = { id: body.id, saleId: buyer.sale.id, buyerId: buyer.id, key, sentAt, answeredAt };
      journal.accepted(order, body.status as OrderStatus);
    } else if (what === 'list' && status === 200) {
      for (const order of body.data ?? []) journal.saw(order.id, order.status as OrderStatus, sentAt, answeredAt, what);
    } else if (status === 200) {
      journal.saw(subject, body.status as OrderStatus, sentAt, answeredAt, what);
    } else if (status === 404 && aboutOrder.has(what)) {
      journal.missing(subject, answeredAt);
      return answer; // the audit knows whether it may be gone
    } else if (statusOf[code] !== undefined) {
      journal.saw(subject, statusOf[code], sentAt, answeredAt, what);
    }
    const refused = (status === 409 || status === 403) && expected[what]?.includes(code) === true;
    if (status !== 0 && status !== 503 && status >= 300 && !refused) {
      journal.surprised(`${what} of ${subject} at ${answeredAt}: ${status} ${code} ${body.detail ?? ''}`);
    }
    return answer;
  }

  private someBuyer(): Buyer {
    const { random, sales, token } = this.options;
    let left = random.next() * 100;
    const name = busySales.find((busy) => (left -= shares[busy].share) < 0) ?? 'stadium';
    const sale = saleNamed(sales, name);
    const id = `buyer-${random.integer(1, shares[name].buyers)}`;
    return { id, sale, headers: { authorization: `Bearer ${token(id)}` }, orders: `/v1/sales/${sale.id}/orders` };
  }

  private someItems({ ticketTypes, maxPerBuyer }: ChaosSale): Items {
    const { random } = this.options;
    const types = random.shuffled(ticketTypes).slice(0, random.chance(0.8) ? 1 : 2);
    const most = Math.max(1, Math.floor(maxPerBuyer / (2 * types.length)));
    return types.map(({ id }) => ({ ticketTypeId: id, quantity: random.integer(1, most) }));
  }
}

function purchaseOf({ orders }: Buyer, items: Items, key: string | null): ChaosRequest {
  const headers = key === null ? {} : { 'idempotency-key': key };
  return { method: 'POST', path: orders, headers, json: { items } };
}

function pollOf({ orders }: Buyer, id: string, wait = 0): ChaosRequest {
  return { method: 'GET', path: `${orders}/${id}${wait === 0 ? '' : `?wait=${wait}`}` };
}
