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

/** All that was answered to buyers and to the admin. */
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

/** Whether the one status may be followed by the other. No sale here takes late payments. */
export function mayFollow(later: OrderStatus, earlier: OrderStatus): boolean {
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
      if (times.first < sentAt && !mayFollow(status, earlier)) {
        this.backward.push(
          `${orderId} ${earlier} at ${times.first}, then ${status} at ${answeredAt} (asked at ${sentAt}) ${from}`,
        );
      }
    }
    const seen = (order.seen[status] ??= { first: answeredAt, last: answeredAt, lastSent: sentAt });
    seen.last = Math.max(seen.last, answeredAt);
    seen.lastSent = Math.max(seen.lastSent, sentAt);
  }

  missing(orderId: string, answeredAt: number): void {
    const order = this.orders.get(orderId);
    if (order !== undefined) order.missingAt = answeredAt;
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

  /** One of the orders that were accepted lately. */
  someOrder(random: Random): OrderRecord | undefined {
    if (this.recent.length === 0) return undefined;
    return this.orders.get(random.pick(this.recent));
  }

  get acceptedCount(): number {
    return this.orders.size;
  }

  async write(file: string): Promise<void> {
    const { answers, acceptedAt: accepted, backward, unexpected, capacities, limits } = this;
    const stream = createWriteStream(file);
    const rest = { answers, accepted, backward, unexpected, capacities, limits, cancelledByAdmin: [...this.cancelled] };
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
