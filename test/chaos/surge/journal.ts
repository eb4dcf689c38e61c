import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { OrderStatus } from '../../../src/domain/index.js';
import type { Random } from './random.js';

/** When a status was first and last answered, ms since 1970, and the latest of its requests was sent. */
interface Seen {
  readonly first: number;
  last: number;
  lastSent: number;
}

/** One order as its buyer was told of it. */
export interface OrderRecord {
  readonly id: string;
  readonly saleId: string;
  readonly buyerId: string;
  /** the idempotency key; null: none was sent */
  readonly key: string | null;
  /** when the request was sent that got the first 202, and when that came */
  sentAt: number;
  answeredAt: number;
  readonly seen: Partial<Record<OrderStatus, Seen>>;
  /** when it was answered 404, last */
  missingAt?: number;
}

/** A capacity that the admin asked for. */
export interface CapacityRecord {
  readonly ticketTypeId: string;
  readonly capacity: number;
  /** whether it was answered that it is so */
  readonly done: boolean;
  /** an answer was lost: that request may have its effect at any time, as one does that a frozen process has in hand */
  readonly mayBeLate: boolean;
}

/** One payment as the provider knows it: one webhook, sent until it is answered. */
export interface PaymentRecord {
  readonly saleId: string;
  readonly orderId: string;
  /** the provider's name for it: with the order and the type, what makes two webhooks one payment */
  readonly reference: string;
  readonly type: 'payment.succeeded' | 'payment.failed';
  /** when it was first sent, ms since 1970 */
  readonly sentAt: number;
  /** when it was first answered 204; null: never, and it may have been taken all the same */
  answeredAt: number | null;
}

/** What buyers in the healthy sale wait for. */
export const steps = ['purchase', 'status', 'confirm'] as const;

/** One step of one buyer in the healthy sale, from the first request to the answer that ends it, ms since 1970. */
export interface StepRecord {
  readonly step: (typeof steps)[number];
  readonly from: number;
  readonly to: number;
  /** answers that were none on the way, such as `503 overloaded` */
  readonly refusals: readonly string[];
}

/** All that was answered to buyers, to the payment provider and to the admin. */
export interface JournalRecord {
  readonly orders: readonly OrderRecord[];
  /** requests by what was asked and what was answered, such as `purchase 409 sold_out` */
  readonly answers: Readonly<Record<string, number>>;
  /** fresh purchases: when they were sent and when their 202 came */
  readonly accepted: readonly (readonly [sentAt: number, answeredAt: number])[];
  /** a status after one that cannot come before it */
  readonly backward: readonly string[];
  /** answers that the contract does not know, or not here */
  readonly unexpected: readonly string[];
  readonly capacities: readonly CapacityRecord[];
  /** the highest limit that was in force, by sale */
  readonly limits: Readonly<Record<string, number>>;
  /** orders that the admin asked to cancel */
  readonly cancelledByAdmin: readonly string[];
  readonly payments: readonly PaymentRecord[];
  /** of buyers in the healthy sale alone */
  readonly steps: readonly StepRecord[];
}

/** Where an order may go from each status, the status itself left out. */
const next: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  queued: ['reserved', 'confirmed', 'expired', 'cancelled', 'rejected'],
  reserved: ['confirmed', 'expired', 'cancelled'],
  confirmed: ['cancelled'],
  expired: [],
  cancelled: [],
  rejected: [],
};

/** Whether the one status may be followed by the other. @param paid a payment was sent: a late one confirms what had expired */
export function mayFollow(later: OrderStatus, earlier: OrderStatus, paid: boolean): boolean {
  if (paid && earlier === 'expired' && (later === 'confirmed' || later === 'cancelled')) return true;
  return later === earlier || next[earlier].includes(later);
}

const recentOrders = 1000;

/** Written by buyers and admin in a process that no fault strikes. */
export class Journal {
  private readonly orders = new Map<string, OrderRecord>();
  private readonly answers: Record<string, number> = {};
  private readonly acceptedAt: [number, number][] = [];
  private readonly recent: string[] = [];
  private readonly backward: string[] = [];
  private readonly unexpected: string[] = [];
  private readonly capacities: CapacityRecord[] = [];
  private readonly limits: Record<string, number> = {};
  private readonly cancelled = new Set<string>();
  private readonly payments = new Map<string, PaymentRecord>();
  private readonly paid = new Set<string>();
  private readonly steps: StepRecord[] = [];

  /** A 202. */
  accepted(order: Omit<OrderRecord, 'seen'>, status: OrderStatus): void {
    if (!this.orders.has(order.id)) {
      this.orders.set(order.id, { ...order, seen: {} });
      this.acceptedAt.push([order.sentAt, order.answeredAt]);
      this.recent.push(order.id);
      if (this.recent.length > recentOrders) this.recent.shift();
    }
    this.saw(order.id, status, order.sentAt, order.answeredAt);
  }

  /** Any answer that tells an order's status. One that was asked for only after another had come must not be older than it. */
  saw(orderId: string, status: OrderStatus, sentAt: number, answeredAt: number, from = ''): void {
    const order = this.orders.get(orderId);
    if (order === undefined) return; // the answer to its purchase was lost
    for (const [earlier, times] of Object.entries(order.seen) as [OrderStatus, Seen][]) {
      if (times.first < sentAt && !mayFollow(status, earlier, this.paid.has(orderId))) {
        this.backward.push(
          `${orderId} ${earlier} at ${times.first}, then ${status} at ${answeredAt} (asked at ${sentAt}) ${from}`,
        );
      }
    }
    const seen = (order.seen[status] ??= { first: answeredAt, last: answeredAt, lastSent: sentAt });
    seen.last = Math.max(seen.last, answeredAt);
    seen.lastSent = Math.max(seen.lastSent, sentAt);
  }

  /** A 404. @returns whether the order had been accepted */
  missing(orderId: string, answeredAt: number): boolean {
    const order = this.orders.get(orderId);
    if (order !== undefined) order.missingAt = answeredAt;
    return order !== undefined;
  }

  answered(what: string): void {
    this.answers[what] = (this.answers[what] ?? 0) + 1;
  }

  surprised(what: string): void {
    this.unexpected.push(what);
  }

  askedCapacity(record: CapacityRecord): void {
    this.capacities.push(record);
  }

  limitOf(saleId: string, maxPerBuyer: number): void {
    this.limits[saleId] = Math.max(this.limits[saleId] ?? 0, maxPerBuyer);
  }

  adminCancels(orderId: string): void {
    this.cancelled.add(orderId);
  }

  /** Before a webhook goes out; a repeat is the same payment. */
  pays(payment: Omit<PaymentRecord, 'answeredAt'>): void {
    const { orderId, type, reference } = payment;
    const key = `${orderId} ${type} ${reference}`;
    if (!this.payments.has(key)) this.payments.set(key, { ...payment, answeredAt: null });
    if (type === 'payment.succeeded') this.paid.add(orderId);
  }

  /** A webhook was answered 204. */
  tookPayment({ orderId, type, reference }: Omit<PaymentRecord, 'answeredAt'>, answeredAt: number): void {
    const payment = this.payments.get(`${orderId} ${type} ${reference}`);
    if (payment !== undefined) payment.answeredAt ??= answeredAt;
  }

  took(step: StepRecord): void {
    this.steps.push(step);
  }

  /** Orders of the sale that were accepted lately. */
  recentOf(saleId: string): OrderRecord[] {
    return this.recent.flatMap((id) => this.orders.get(id) ?? []).filter((order) => order.saleId === saleId);
  }

  /** One of the orders that were accepted lately. */
  someOrder(random: Random): OrderRecord | undefined {
    if (this.recent.length === 0) return undefined;
    return this.orders.get(random.pick(this.recent));
  }

  get acceptedCount(): number {
    return this.orders.size;
  }

  async write(file: string): Promise<void> {
    const { answers, acceptedAt: accepted, backward, unexpected, capacities, limits, steps } = this;
    const stream = createWriteStream(file);
    const rest: Omit<JournalRecord, 'orders'> = {
      ...{ answers, accepted, backward, unexpected, capacities, limits, steps },
      cancelledByAdmin: [...this.cancelled],
      payments: [...this.payments.values()],
    };
    stream.write(`${JSON.stringify(rest)}\n`);
    for (const order of this.orders.values()) stream.write(`${JSON.stringify(order)}\n`);
    stream.end();
    await once(stream, 'close');
  }
}

export async function readJournal(file: string): Promise<JournalRecord> {
  const orders: OrderRecord[] = [];
  let rest: Omit<JournalRecord, 'orders'> | undefined;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (rest === undefined) rest = JSON.parse(line) as Omit<JournalRecord, 'orders'>;
    else orders.push(JSON.parse(line) as OrderRecord);
  }
  if (rest === undefined) throw new Error(`${file} is empty`);
  return { ...rest, orders };
}

/** What was answered to the many, and to the buyers of the healthy sale. `accepted`, which tells what faults stop, is of the many alone. */
export function together(many: JournalRecord, healthy: JournalRecord): JournalRecord {
  const named = Object.entries(healthy.answers).map(([what, count]) => [`healthy ${what}`, count] as const);
  return {
    ...many,
    orders: [...many.orders, ...healthy.orders],
    answers: { ...many.answers, ...Object.fromEntries(named) },
    backward: [...many.backward, ...healthy.backward],
    unexpected: [...many.unexpected, ...healthy.unexpected.map((what) => `healthy ${what}`)],
    limits: { ...many.limits, ...healthy.limits },
    steps: healthy.steps,
  };
}
