import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { OrderStatus } from '../../../src/domain/index.js';
import type { ChaosAnswer, ChaosRequest, HttpClient } from './http-client.js';
import type { Journal, StepRecord } from './journal.js';
import type { ChaosSale } from './sales.js';

/** Buyers who come in a second: steady, and too few to matter to anybody. */
const rate = 10;
/** How long a buyer waits for one step before giving it up; a hold would be over. */
const patienceMs = 30_000;
const retryMs = 250;
const waitSeconds = 5;

/**
 * Buyers of a sale to which nothing is done. Each buys one ticket, waits until the order is written, and confirms it; they come at
 * their rate however long that takes, so that a stop counts for all who would have come in it. They call one node.
 */
export class HealthyBuyers {
  private inside = 0;
  private coming = true;

  constructor(
    private readonly node: HttpClient,
    private readonly sale: ChaosSale,
    private readonly token: (buyerId: string) => string,
    private readonly journal: Journal,
  ) {}

  get size(): number {
    return this.inside;
  }

  /** Lets buyers come until told to stop; resolves when the last one is gone. */
  async open(): Promise<void> {
    const startedAt = performance.now();
    for (let nth = 1; this.coming; nth++) {
      await delay(Math.max(0, startedAt + (nth * 1000) / rate - performance.now()));
      this.inside++;
      void this.visit(`healthy-${nth}`).finally(() => this.inside--);
    }
    while (this.inside > 0) await delay(retryMs);
  }

  /** Nobody comes any more. */
  close(): void {
    this.coming = false;
  }

  private async visit(buyerId: string): Promise<void> {
    const { sale, journal } = this;
    const ticketTypeId = sale.ticketTypes[0]?.id ?? '';
    const key = randomUUID();
    const headers = { authorization: `Bearer ${this.token(buyerId)}` };
    const orders = `/v1/sales/${sale.id}/orders`;
    const purchase: ChaosRequest = {
      method: 'POST',
      path: orders,
      headers: { ...headers, 'idempotency-key': key },
      json: { items: [{ ticketTypeId, quantity: 1 }] },
    };
    const bought = await this.take('purchase', purchase, ({ status }) => status === 202);
    const { id, status } = bought.body;
    if (bought.status !== 202 || id === undefined) return;
    const { sentAt, answeredAt } = bought;
    journal.accepted({ id, saleId: sale.id, buyerId, key, sentAt, answeredAt }, status as OrderStatus);

    const look: ChaosRequest = { method: 'GET', path: `${orders}/${id}?wait=${waitSeconds}`, headers };
    const written = await this.take(
      'status',
      look,
      ({ status: code, body }) => code === 200 && body.status !== 'queued',
      id,
    );
    if (written.body.status !== 'reserved') return;
    const claim: ChaosRequest = { method: 'POST', path: `${orders}/${id}/confirm`, headers };
    await this.take('confirm', claim, ({ status: code }) => code === 200, id);
  }

  /** One step: asks until the answer is the one that ends it, and writes down how long that took. */
  private async take(
    step: StepRecord['step'],
    request: ChaosRequest,
    ends: (answer: ChaosAnswer) => boolean,
    orderId?: string,
  ): Promise<ChaosAnswer> {
    const from = Date.now();
    const refusals: string[] = [];
    for (;;) {
      const answer = await this.node.send(request);
      const { status, code, body, sentAt, answeredAt } = answer;
      const what = `${status} ${code}`.trimEnd();
      this.journal.answered(`${step} ${what}`);
      if (orderId !== undefined && status === 200) {
        this.journal.saw(orderId, body.status as OrderStatus, sentAt, answeredAt, step);
      }
      const isMissing = status === 404 && orderId !== undefined && this.journal.missing(orderId, answeredAt);
      if (status === 0 || status === 503) refusals.push(what);
      else if (status >= 300 && !isMissing && code !== 'hold_expired') {
        this.journal.surprised(`${step} at ${answeredAt}: ${what} ${body.detail ?? ''}`);
      }
      const isOver = ends(answer) || (status !== 0 && status !== 503 && status >= 300);
      if (isOver || Date.now() - from > patienceMs) {
        this.journal.took({ step, from, to: answeredAt, refusals });
        return answer;
      }
      if (status === 0 || status === 503) await delay(retryMs);
    }
  }
}
