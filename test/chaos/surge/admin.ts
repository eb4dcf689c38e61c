import { setTimeout as delay } from 'node:timers/promises';
import type { ChaosAnswer, ChaosRequest, HttpClient } from './http-client.js';
import type { Journal } from './journal.js';
import type { Random } from './random.js';
import type { ChaosSale } from './sales.js';

const restMs = { min: 500, max: 2500 };
const pauseMs = { min: 200, max: 1000 };
const retryMs = 300;
const patienceMs = 20_000;

/** How much an admin adds to a ticket type of this capacity at once: a small sale goes on selling. */
const share = 0.1;

/** How often the admin looks at a sale whose holds lapse, and cancels orders of a sale whose gate is held. */
const lookEveryMs = 4000;
const cancelEveryMs = 250;

/**
 * The admin of the busy sales: pauses, resumes, adds and takes capacity, changes limits, takes orders back. One thing at a time, but
 * for what faults ask for beside.
 */
export class Admin {
  private working = true;
  private readonly capacities = new Map<string, number>();

  constructor(
    private readonly nodes: readonly HttpClient[],
    private readonly sales: readonly ChaosSale[],
    private readonly journal: Journal,
    private readonly random: Random,
  ) {
    for (const type of sales.flatMap(({ ticketTypes }) => ticketTypes)) this.capacities.set(type.id, type.capacity);
  }

  async work(): Promise<void> {
    while (this.working) {
      await delay(this.random.integer(restMs.min, restMs.max));
      const sale = this.random.pick(this.sales);
      const task = this.random.next();
      if (task < 0.2) await this.pauseForAWhile(sale);
      else if (task < 0.75) await this.changeCapacity(sale);
      else if (task < 0.85) await this.changeLimit(sale);
      else await this.cancelSomeOrder();
    }
    for (const sale of this.sales) await this.insist(`resume`, { method: 'POST', path: pathOf(sale, '/resume') });
  }

  /** Ends with every sale open. */
  stop(): void {
    this.working = false;
  }

  /** Opens the inventory report of a sale now and then, until it is over. */
  async lookAt(saleId: string, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await this.insist('inventory', { method: 'GET', path: `/v1/admin/sales/${saleId}/inventory` });
      await delay(lookEveryMs, undefined, { signal: over }).catch(() => undefined);
    }
  }

  /** Takes orders of one sale back for so long, whether the earlier ones were answered or not; resolves when all were. */
  async cancelOrders(saleId: string, forMs: number): Promise<void> {
    const under: Promise<void>[] = [];
    for (const order of this.journal.recentOf(saleId).slice(-Math.ceil(forMs / cancelEveryMs))) {
      under.push(this.cancel(order));
      await delay(cancelEveryMs);
    }
    await Promise.all(under);
  }

  private async pauseForAWhile(sale: ChaosSale): Promise<void> {
    await this.insist('pause', { method: 'POST', path: pathOf(sale, '/pause') });
    await delay(this.random.integer(pauseMs.min, pauseMs.max));
    await this.insist('resume', { method: 'POST', path: pathOf(sale, '/resume') });
  }

  /** Mostly up. */
  private async changeCapacity(sale: ChaosSale): Promise<void> {
    const { id } = this.random.pick(sale.ticketTypes);
    const before = this.capacities.get(id) ?? 0;
    const step = Math.max(1, Math.round(before * share * this.random.next()));
    const capacity = this.random.chance(0.75) ? before + step : Math.max(1, before - step);
    const json = { ticketTypes: [{ id, capacity }] };
    const answer = await this.insist('capacity', { method: 'PATCH', path: pathOf(sale), json });
    const { status, body, lostBefore } = answer;
    this.journal.askedCapacity({ ticketTypeId: id, capacity, done: status === 200, mayBeLate: lostBefore });
    const told = body.ticketTypes?.find((type) => type.id === id)?.capacity;
    if (status === 200 && told !== capacity)
      this.journal.surprised(`capacity ${capacity} of ${id}: answered ${told ?? 'none'}`);
    if (status !== 409) this.capacities.set(id, capacity);
  }

  private async changeLimit(sale: ChaosSale): Promise<void> {
    const maxPerBuyer = this.random.integer(1, sale.maxPerBuyer + 1);
    this.journal.limitOf(sale.id, maxPerBuyer);
    await this.insist('limit', { method: 'PATCH', path: pathOf(sale), json: { maxPerBuyer } });
    await delay(this.random.integer(pauseMs.min, pauseMs.max));
    await this.insist('limit', { method: 'PATCH', path: pathOf(sale), json: { maxPerBuyer: sale.maxPerBuyer } });
  }

  private async cancelSomeOrder(): Promise<void> {
    const order = this.journal.someOrder(this.random);
    if (order !== undefined) await this.cancel(order);
  }

  private async cancel(order: { readonly id: string; readonly saleId: string }): Promise<void> {
    this.journal.adminCancels(order.id);
    const path = `/v1/admin/sales/${order.saleId}/orders/${order.id}/cancel`;
    const { status, sentAt, answeredAt } = await this.insist('admin-cancel', { method: 'POST', path });
    if (status === 200) this.journal.saw(order.id, 'cancelled', sentAt, answeredAt, 'admin-cancel');
  }

  /** Asks again, the same and of any node, until there is an answer that is one. */
  private async insist(what: string, request: ChaosRequest): Promise<ChaosAnswer & { lostBefore: boolean }> {
    const deadline = performance.now() + patienceMs;
    for (let lostBefore = false; ; lostBefore = true) {
      const answer = await this.random.pick(this.nodes).send(request);
      const { status, code, body, answeredAt } = answer;
      this.journal.answered(`${what} ${status} ${code}`.trimEnd());
      if (status !== 0 && status !== 503) {
        const clean = status === 200 || status === 409 || (status === 404 && what === 'admin-cancel');
        if (!clean) this.journal.surprised(`${what} at ${answeredAt}: ${status} ${code} ${body.detail ?? ''}`);
        return { ...answer, lostBefore };
      }
      if (performance.now() > deadline) return { ...answer, lostBefore: true };
      await delay(retryMs);
    }
  }
}

function pathOf({ id }: ChaosSale, step = ''): string {
  return `/v1/admin/sales/${id}${step}`;
}
