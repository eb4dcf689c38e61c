import {
  DomainError,
  type ErrorCode,
  type OrderItem,
  type OrderStatus,
  type SaleStatus,
} from '../../src/domain/index.js';
import type { QueuedOrder, ReserveOutcome } from '../../src/inventory/index.js';
import type { SaleKey } from '../../src/redis/index.js';
import { FaultPlan, type FaultyCall } from './faulty-stock.js';

/** An order as Redis holds it until it is settled. */
interface ModelEntry {
  readonly order: QueuedOrder;
  readonly takenAtMs: number;
  readonly maxPerBuyer: number;
}

interface ModelOrder {
  readonly order: QueuedOrder;
  status: OrderStatus;
  reason: string | null;
  /** its hold ran out, though nobody has ended it yet */
  overdue: boolean;
}

/** The keys of a sale that carry its epoch. */
/** What the key `stock` holds. */
const stockCounts = ['available', 'sums', 'settled', 'returned'] as const;
const stamped: readonly SaleKey[] = ['stock', 'buyers', 'queued', 'queued-by', 'idem'];

/** One sale in Redis. */
interface ModelRedis {
  /** null: `sale` was lost */
  epoch: number | null;
  rightServer: boolean;
  fenced: boolean;
  status: SaleStatus;
  maxPerBuyer: number;
  readonly available: Map<string, number>;
  readonly buyers: Map<string, number>;
  readonly outbox: Map<string, ModelEntry>;
  readonly times: Set<string>;
  readonly sums: Map<string, number>;
  /** tickets settled since the load */
  readonly settled: Map<string, number>;
  /** tickets given back since the load */
  readonly returned: Map<string, number>;
  /** the epoch of the load */
  loaded: number;
  /** the last batch of returns that was given back */
  batch: number;
  readonly idem: Map<string, { readonly orderId: string; readonly bodyHash: string }>;
  /** stamped keys that were lost: what stands in them since is nothing to go by */
  readonly lost: Set<SaleKey>;
}

/** One sale in Postgres. */
interface ModelPostgres {
  epoch: number;
  status: SaleStatus;
  maxPerBuyer: number;
  types: Map<string, { capacity: number; taken: number; written: number; returned: number }>;
  loadedEpoch: number;
  returnBatch: number;
  readonly orders: Map<string, ModelOrder>;
  readonly buyers: Map<string, number>;
  returns: { readonly orderId: string; batch: number | null }[];
}

export interface ModelEdit {
  readonly step?: 'open' | 'pause' | 'resume' | 'close';
  readonly maxPerBuyer?: number;
  readonly capacity?: { readonly id: string; readonly to: number };
}

const refusals: Readonly<Record<OrderStatus, ErrorCode>> = {
  queued: 'order_not_ready',
  reserved: 'order_not_ready',
  confirmed: 'already_confirmed',
  expired: 'hold_expired',
  cancelled: 'order_cancelled',
  rejected: 'order_rejected',
};

const steps: Readonly<Record<NonNullable<ModelEdit['step']>, [readonly SaleStatus[], SaleStatus]>> = {
  open: [['draft'], 'open'],
  pause: [['open'], 'paused'],
  resume: [['paused'], 'open'],
  close: [['draft', 'open', 'paused'], 'closed'],
};

/**
 * The protocol in plain objects: one sale in both stores, every command one step after the other. It is written from
 * docs/protocol.md, not from the scripts, and says of every command what both stores hold after it, faults and losses included.
 */
export class SaleModel {
  readonly faults = new FaultPlan();
  /** every order that was ever answered with 202 */
  readonly accepted = new Map<string, ModelEntry>();
  /** those of them that went down with Redis */
  readonly destroyed = new Set<string>();
  /** Redis lost something, so Postgres may have to refuse what Redis accepted */
  lostData = false;
  redis: ModelRedis;
  readonly postgres: ModelPostgres;
  private saved: ModelRedis | undefined;

  /** A sale that is open and loaded, and of which nothing is sold. */
  constructor(sale: {
    readonly epoch: number;
    readonly maxPerBuyer: number;
    readonly capacities: ReadonlyMap<string, number>;
  }) {
    const { epoch, maxPerBuyer, capacities } = sale;
    const types = new Map(
      [...capacities].map(([id, capacity]) => [id, { capacity, taken: 0, written: 0, returned: 0 }]),
    );
    const loaded = { loadedEpoch: epoch, returnBatch: 0 };
    this.postgres = {
      epoch,
      ...loaded,
      status: 'open',
      maxPerBuyer,
      types,
      orders: new Map(),
      buyers: new Map(),
      returns: [],
    };
    const available = new Map(capacities);
    this.redis = { ...emptyRedis(), epoch, loaded: epoch, status: 'open', maxPerBuyer, available };
  }

  reserve(order: QueuedOrder, takenAtMs: number): ReserveOutcome {
    const { redis } = this;
    if (
      redis.epoch === null ||
      redis.fenced ||
      !redis.rightServer ||
      this.hasLost('stock', 'buyers', 'queued', 'idem')
    ) {
      return { kind: 'recovering' };
    }
    const queued = redis.outbox.get(order.id);
    if (queued !== undefined) return { kind: 'reserved', takenAtMs: queued.takenAtMs };
    const known = order.idempotency === undefined ? undefined : redis.idem.get(order.idempotency);
    if (known !== undefined) {
      return known.bodyHash === order.bodyHash ? { kind: 'replayed', orderId: known.orderId } : { kind: 'key-reused' };
    }
    if (redis.status !== 'open') return { kind: redis.status };
    const lacking = order.items.filter(({ ticketTypeId, quantity }) => of(redis.available, ticketTypeId) < quantity);
    if (lacking.length > 0) return { kind: 'sold-out', ticketTypeIds: lacking.map(({ ticketTypeId }) => ticketTypeId) };
    const left = redis.maxPerBuyer - of(redis.buyers, order.buyerId);
    if (tickets(order) > left) return { kind: 'limit', left: Math.max(left, 0) };

    const entry = { order, takenAtMs, maxPerBuyer: redis.maxPerBuyer };
    for (const { ticketTypeId, quantity } of order.items) {
      add(redis.available, ticketTypeId, -quantity);
      add(redis.sums, ticketTypeId, quantity);
    }
    add(redis.buyers, order.buyerId, tickets(order));
    redis.outbox.set(order.id, entry);
    redis.times.add(order.id);
    if (order.idempotency !== undefined) {
      redis.idem.set(order.idempotency, { orderId: order.id, bodyHash: order.bodyHash ?? '' });
    }
    this.accepted.set(order.id, entry);
    this.destroyed.delete(order.id);
    return { kind: 'reserved', takenAtMs };
  }

  persist(orderIds: readonly string[]): void {
    const entries = orderIds.flatMap((id) => this.redis.outbox.get(id) ?? []);
    entries.sort((a, b) => a.takenAtMs - b.takenAtMs);
    for (const entry of entries) {
      const { order } = entry;
      if (this.postgres.orders.has(order.id)) continue;
      const reason = this.refusalOf(entry);
      this.postgres.orders.set(order.id, {
        order,
        status: reason === null ? 'reserved' : 'rejected',
        reason,
        overdue: false,
      });
      this.count(order, 'written', 1);
      if (reason === null) this.take(order, 1);
      else this.count(order, 'returned', 1);
    }
    if (entries.length > 0) this.settle(entries.map(({ order }) => order.id));
  }

  confirm(orderId: string): void {
    const found = this.find(orderId);
    if (found.status === 'reserved') {
      if (found.overdue) this.end([orderId], 'expired', (order) => order.status === 'reserved' && order.overdue);
      else found.status = 'confirmed';
      this.settle([orderId]);
    }
    if (found.status !== 'confirmed') throw refused(found.status);
  }

  cancel(orderId: string): void {
    const found = this.find(orderId);
    if (found.status === 'reserved') {
      this.end([orderId], found.overdue ? 'expired' : 'cancelled', (order) => order.status === 'reserved');
      this.settle([orderId]);
    }
    if (found.status !== 'cancelled') throw refused(found.status);
    this.deliverOrder(orderId);
  }

  cancelAsAdmin(orderId: string): void {
    const found = this.find(orderId);
    if (found.status === 'reserved' || found.status === 'confirmed') {
      this.end([orderId], 'cancelled', () => true);
      this.settle([orderId]);
    }
    if (found.status !== 'cancelled') throw refused(found.status);
    this.deliverOrder(orderId);
  }

  /** The holds of these run out. */
  runOut(orderIds: readonly string[]): void {
    for (const id of orderIds) {
      const order = this.postgres.orders.get(id);
      if (order?.status === 'reserved') order.overdue = true;
    }
  }

  expire(orderIds: readonly string[]): void {
    this.end(orderIds, 'expired', (order) => order.status === 'reserved' && order.overdue);
  }

  /** Delivers the batch that is under way, or else all that waits. @returns the orders whose stock Redis has now */
  deliver(): string[] {
    const { redis, postgres } = this;
    if (postgres.returns.length === 0) return [];
    if (postgres.returns.every(({ batch }) => batch === null)) {
      postgres.returnBatch += 1;
      for (const row of postgres.returns) row.batch = postgres.returnBatch;
    }
    const batch = postgres.returns.filter((row) => row.batch !== null);
    const number = postgres.returnBatch;
    const done = this.call('release', () => {
      if (redis.epoch === null || redis.loaded !== postgres.loadedEpoch || redis.batch < number - 1) return false;
      if (redis.batch >= number) return true;
      redis.batch = number;
      for (const { orderId } of batch) {
        const order = postgres.orders.get(orderId)?.order;
        if (order !== undefined) this.giveBack(order);
      }
      return true;
    });
    if (!done) return [];
    postgres.returns = postgres.returns.filter((row) => row.batch === null);
    return batch.map(({ orderId }) => orderId);
  }

  private deliverOrder(orderId: string): void {
    for (let batch = 0; batch < 3; batch++) {
      const delivered = this.deliver();
      if (delivered.length === 0 || delivered.includes(orderId)) return;
    }
  }

  change(edit: ModelEdit): void {
    for (let attempt = 1; ; attempt++) {
      const added = this.tryChange(edit);
      if (added !== 'unsound') {
        if (added.size > 0) this.offer(added);
        return;
      }
      if (attempt === 3) throw new DomainError('recovering', '');
      this.mend();
    }
  }

  mend(): boolean {
    if (this.isWell()) return false;
    const { postgres } = this;
    this.call('fence', () => {
      this.redis.fenced = true;
    });
    const { outbox } = this.redis;
    if (outbox.size > 0) {
      this.call('drop', () => {
        for (const id of [...outbox.keys()]) if (postgres.orders.has(id)) outbox.delete(id);
      });
    }
    this.call('load', () => {
      this.redis = this.loaded();
    });
    postgres.epoch += 1;
    postgres.loadedEpoch = postgres.epoch;
    postgres.returns = [];
    for (const type of postgres.types.values()) Object.assign(type, { written: 0, returned: 0 });
    return true;
  }

  /** Loses one key, or all. */
  lose(key: SaleKey | 'all'): void {
    const { redis } = this;
    this.lostData = true;
    if (key === 'all') this.redis = { ...emptyRedis(), lost: new Set(stamped) };
    else if (stamped.includes(key)) redis.lost.add(key);
    if (key === 'sale') Object.assign(redis, { epoch: null, fenced: false, rightServer: false, loaded: 0, batch: 0 });
    if (key === 'stock') for (const count of stockCounts) redis[count].clear();
    if (key === 'buyers') redis.buyers.clear();
    if (key === 'queued') redis.outbox.clear();
    if (key === 'queued-at') redis.times.clear();
    if (key === 'idem') redis.idem.clear();
    this.countDestroyed();
  }

  /** Another server, or the same again: with all of the data, but no longer to be trusted. */
  failOver(): void {
    if (this.redis.epoch !== null) this.redis.rightServer = false;
  }

  leaveFence(): void {
    if (this.redis.epoch !== null) this.redis.fenced = true;
  }

  saveImage(): void {
    this.saved = structuredClone(this.redis);
  }

  /** A server takes over whose data are as old as the image. */
  restoreImage(): void {
    if (this.saved === undefined) return;
    this.lostData = true;
    this.redis = structuredClone(this.saved);
    this.failOver();
    this.countDestroyed();
  }

  /** What the reconciliation compares: nothing lost, and every ticket somewhere. */
  isWell(): boolean {
    const { redis, postgres } = this;
    const isSound =
      redis.epoch === postgres.epoch &&
      !redis.fenced &&
      redis.rightServer &&
      redis.lost.size === 0 &&
      redis.times.size === redis.outbox.size;
    return isSound && [...postgres.types.keys()].every((id) => this.driftOf(id) === 0);
  }

  private driftOf(typeId: string): number {
    const { redis, postgres } = this;
    const type = postgres.types.get(typeId) ?? { capacity: 0, taken: 0, written: 0, returned: 0 };
    const { capacity, taken } = type;
    const settling = Math.max(0, type.written - of(redis.settled, typeId));
    const returning = Math.max(0, type.returned - of(redis.returned, typeId));
    return capacity - of(redis.available, typeId) - (of(redis.sums, typeId) - settling) - taken - returning;
  }

  private find(orderId: string): ModelOrder {
    const { redis } = this;
    const isTrusted = redis.epoch !== null && redis.rightServer && !redis.lost.has('queued');
    const isQueued = redis.outbox.has(orderId);
    if (isQueued && isTrusted) throw refused('queued');
    const order = this.postgres.orders.get(orderId);
    if (order === undefined) throw new DomainError(isTrusted ? 'not_found' : 'recovering', '');
    if (isQueued) this.settle([orderId]);
    return order;
  }

  private refusalOf({ order, maxPerBuyer }: ModelEntry): string | null {
    const { postgres } = this;
    const isTaken = [...postgres.orders.values()].some(
      (other) =>
        order.idempotency !== undefined &&
        other.order.idempotency === order.idempotency &&
        other.reason !== 'duplicate',
    );
    if (isTaken) return 'duplicate';
    const fits = order.items.every(({ ticketTypeId, quantity }) => {
      const type = postgres.types.get(ticketTypeId);
      return type !== undefined && type.taken + quantity <= type.capacity;
    });
    if (!fits) return 'sold_out';
    const living = [...postgres.orders.values()].filter(
      (other) => other.order.buyerId === order.buyerId && (other.status === 'reserved' || other.status === 'confirmed'),
    );
    const limits = living.map((other) => this.accepted.get(other.order.id)?.maxPerBuyer ?? 0);
    const limit = Math.max(maxPerBuyer, ...limits);
    return of(postgres.buyers, order.buyerId) + tickets(order) <= limit ? null : 'limit_exceeded';
  }

  /** Moves an order's tickets in Postgres: 1 takes them, -1 gives them back. */
  private take(order: QueuedOrder, sign: 1 | -1): void {
    for (const { ticketTypeId, quantity } of order.items) {
      const type = this.postgres.types.get(ticketTypeId);
      if (type !== undefined) type.taken += sign * quantity;
    }
    add(this.postgres.buyers, order.buyerId, sign * tickets(order));
  }

  private count(order: QueuedOrder, what: 'written' | 'returned', sign: 1 | -1): void {
    for (const { ticketTypeId, quantity } of order.items) {
      const type = this.postgres.types.get(ticketTypeId);
      if (type !== undefined) type[what] += sign * quantity;
    }
  }

  private end(orderIds: readonly string[], to: 'expired' | 'cancelled', isDue: (order: ModelOrder) => boolean): void {
    const ended = orderIds.filter((id) => {
      const order = this.postgres.orders.get(id);
      if (order === undefined || !isDue(order)) return false;
      order.status = to;
      this.take(order.order, -1);
      this.count(order.order, 'returned', 1);
      this.postgres.returns.push({ orderId: id, batch: null });
      return true;
    });
    if (ended.length > 0) this.settle(ended);
  }

  private settle(orderIds: readonly string[]): void {
    this.call('settle', () => {
      const { redis } = this;
      for (const id of orderIds) {
        const entry = redis.outbox.get(id);
        if (entry === undefined) continue;
        redis.outbox.delete(id);
        redis.times.delete(id);
        for (const { ticketTypeId, quantity } of entry.order.items) {
          add(redis.sums, ticketTypeId, -quantity);
          add(redis.settled, ticketTypeId, quantity);
        }
        if (this.postgres.orders.get(id)?.status === 'rejected') this.giveBack(entry.order);
      }
    });
  }

  private giveBack(order: QueuedOrder): void {
    const { available, returned, buyers } = this.redis;
    for (const { ticketTypeId, quantity } of order.items) {
      add(available, ticketTypeId, quantity);
      add(returned, ticketTypeId, quantity);
    }
    add(buyers, order.buyerId, -tickets(order));
    if (of(buyers, order.buyerId) <= 0) buyers.delete(order.buyerId);
  }

  /** @returns the capacity that Postgres has more of now */
  private tryChange(edit: ModelEdit): ReadonlyMap<string, number> | 'unsound' {
    const { postgres } = this;
    const status = edit.step === undefined ? postgres.status : stepped(postgres.status, edit.step);
    const maxPerBuyer = edit.maxPerBuyer ?? postgres.maxPerBuyer;
    const type = edit.capacity === undefined ? undefined : postgres.types.get(edit.capacity.id);
    const moved = edit.capacity === undefined || type === undefined ? 0 : edit.capacity.to - type.capacity;
    if (type !== undefined && type.capacity + moved < type.taken) throw new DomainError('capacity_below_taken', '');
    const id = edit.capacity?.id ?? '';
    const cuts = new Map(moved < 0 ? [[id, moved]] : []);
    const outcome = this.changeRedis({ status, maxPerBuyer }, cuts);
    if (outcome === 'taken') throw new DomainError('capacity_below_taken', '');
    if (outcome === 'unsound') return 'unsound';
    Object.assign(postgres, { status, maxPerBuyer });
    if (type !== undefined) type.capacity += moved;
    this.nextEpoch();
    return new Map(moved > 0 ? [[id, moved]] : []);
  }

  private offer(added: ReadonlyMap<string, number>): void {
    const { status, maxPerBuyer } = this.postgres;
    if (this.changeRedis({ status, maxPerBuyer }, added) === 'changed') this.nextEpoch();
  }

  private changeRedis(
    fields: { readonly status: SaleStatus; readonly maxPerBuyer: number },
    differences: ReadonlyMap<string, number>,
  ): 'changed' | 'unsound' | 'taken' {
    return this.call('change', () => {
      const { redis, postgres } = this;
      if (redis.epoch !== postgres.epoch || redis.fenced || !redis.rightServer || redis.lost.size > 0) return 'unsound';
      for (const [id, difference] of differences) if (of(redis.available, id) + difference < 0) return 'taken';
      for (const [id, difference] of differences) add(redis.available, id, difference);
      Object.assign(redis, fields);
      redis.epoch += 1;
      return 'changed';
    });
  }

  private nextEpoch(): void {
    this.postgres.epoch += 1;
  }

  /** Redis as Postgres and the outbox have it. */
  private loaded(): ModelRedis {
    const { postgres } = this;
    const { epoch, status, maxPerBuyer } = postgres;
    const next = epoch + 1;
    const fresh = { ...emptyRedis(), epoch: next, loaded: next, batch: postgres.returnBatch, status, maxPerBuyer };
    for (const [id, { capacity, taken }] of postgres.types) fresh.available.set(id, capacity - taken);
    for (const [buyerId, count] of postgres.buyers) if (count > 0) fresh.buyers.set(buyerId, count);
    for (const [id, entry] of this.redis.outbox) {
      const { order } = entry;
      fresh.outbox.set(id, entry);
      fresh.times.add(id);
      for (const { ticketTypeId, quantity } of order.items) {
        add(fresh.available, ticketTypeId, -quantity);
        add(fresh.sums, ticketTypeId, quantity);
      }
      add(fresh.buyers, order.buyerId, tickets(order));
      remember(fresh.idem, order);
    }
    for (const { order, reason } of postgres.orders.values()) if (reason !== 'duplicate') remember(fresh.idem, order);
    return fresh;
  }

  private countDestroyed(): void {
    for (const id of this.accepted.keys()) {
      if (this.redis.outbox.has(id) || this.postgres.orders.has(id)) this.destroyed.delete(id);
      else this.destroyed.add(id);
    }
  }

  private hasLost(...keys: SaleKey[]): boolean {
    return keys.some((key) => this.redis.lost.has(key));
  }

  /** A call of a script, which the fault may strike. */
  private call<T>(call: FaultyCall, run: () => T): T {
    const when = this.faults.strikes(call);
    if (when === 'before') throw new DomainError('unavailable', '');
    const result = run();
    if (when === 'after') throw new DomainError('unavailable', '');
    return result;
  }
}

function emptyRedis(): ModelRedis {
  return {
    epoch: null,
    rightServer: true,
    fenced: false,
    status: 'draft',
    maxPerBuyer: 0,
    available: new Map(),
    buyers: new Map(),
    outbox: new Map(),
    times: new Set(),
    sums: new Map(),
    settled: new Map(),
    returned: new Map(),
    loaded: 0,
    batch: 0,
    idem: new Map(),
    lost: new Set(),
  };
}

function stepped(status: SaleStatus, step: NonNullable<ModelEdit['step']>): SaleStatus {
  const [from, to] = steps[step];
  if (!from.includes(status)) throw new DomainError('invalid_transition', '');
  return to;
}

function refused(status: OrderStatus): DomainError {
  return new DomainError(refusals[status], '');
}

function remember(idem: ModelRedis['idem'], { id, idempotency, bodyHash }: QueuedOrder): void {
  if (idempotency !== undefined) idem.set(idempotency, { orderId: id, bodyHash: bodyHash ?? '' });
}

function tickets({ items }: { readonly items: readonly OrderItem[] }): number {
  return items.reduce((sum, { quantity }) => sum + quantity, 0);
}

function of(counts: ReadonlyMap<string, number>, id: string): number {
  return counts.get(id) ?? 0;
}

function add(counts: Map<string, number>, id: string, count: number): void {
  counts.set(id, of(counts, id) + count);
}
