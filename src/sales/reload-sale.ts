import { Injectable } from '@nestjs/common';
import { v7 as newId } from 'uuid';
import { DomainError, notFound, recovering, type Sale } from '../domain/index.js';
import { type Distribution, Metrics } from '../observability/index.js';
import {
  StockStore,
  ticketsOf,
  type ChangeOutcome,
  type OutboxEntry,
  type SaleFields,
  type StockClaim,
} from '../inventory/index.js';
import { briefPatienceMs, longPatienceMs, SaleGate, type Queryable, type Statement } from '../postgres/index.js';
import { AuditLog, systemActor, type AuditEntry } from './audit-log.js';
import { SaleSnapshots } from './sale-snapshots.js';
import { SaleRepository } from './sale.repository.js';
import { StockReader, Tally } from './stock-reader.js';

const setEpoch: Statement = { name: 'set-epoch', text: 'UPDATE sales SET epoch = $2 WHERE id = $1' };
const deleteReturns: Statement = { name: 'delete-returns', text: 'DELETE FROM stock_returns WHERE sale_id = $1' };
/** What Redis has not heard of is carried along. */
const moveOn: Statement = {
  name: 'move-sale-on',
  text: `
    WITH sale AS (UPDATE sales SET epoch = $2 WHERE id = $1)
    UPDATE stock_returns SET epoch = $2 WHERE sale_id = $1`,
};

const buyersPage: Statement = {
  name: 'buyers-page',
  text: `
    SELECT buyer_id AS "buyerId", tickets FROM buyer_totals
    WHERE sale_id = $1 AND buyer_id > $2 AND tickets > 0 ORDER BY buyer_id LIMIT $3`,
};

const keysPage: Statement = {
  name: 'keys-page',
  text: `
    SELECT id, idempotency, body_hash AS "bodyHash" FROM orders
    WHERE sale_id = $1 AND idempotency > $2 AND idempotency IS NOT NULL AND reason IS DISTINCT FROM 'duplicate'
    ORDER BY idempotency LIMIT $3`,
};

/** Postgres takes a process that is silent in a transaction for a frozen one, and a large sale is prepared for longer. */
const stillHere: Statement = { name: 'reload-still-here', text: 'SELECT 1' };

const pageSize = 5000;
const changeAttempts = 3;
/** Thrown to roll a change back whose sale must be mended first. */
const unsound = new Error('the sale is unsound in Redis');

/** What an admin, or the end of a sale's time, does to a sale: its next state, made from the one under the gate. */
export type Edit = (sale: Sale) => Sale;

/** Takes stock again for a buyer, in Redis: at once, or not at all. To be called once. */
export type Take = (claim: StockClaim) => Promise<'taken' | 'sold_out' | 'limit_exceeded'>;

/**
 * The one way to change a sale and the one way to mend it. Both hold the sale's gate in a transaction, move the sale to
 * its next epoch, and put Redis into the state that Postgres will have with the commit. Whatever dies in between leaves a
 * fenced sale, or epochs that differ: the next reload mends either.
 */
@Injectable()
export class ReloadSale {
  private readonly reloads: Distribution;

  constructor(
    private readonly gate: SaleGate,
    private readonly sales: SaleRepository,
    private readonly stock: StockStore,
    private readonly reader: StockReader,
    private readonly audit: AuditLog,
    private readonly snapshots: SaleSnapshots,
    metrics: Metrics,
  ) {
    const about = { name: 'reload_duration_seconds', help: 'Reloads of a sale that Redis had wrong or not at all' };
    this.reloads = metrics.histogram(about, [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]);
  }

  /**
   * Puts Redis right where it is not as Postgres says; does nothing where all is well. Safe to repeat and to run anywhere
   * at once. @param patienceMs how long to wait for the gate; default: as an admin does. @returns whether it had to
   */
  async mend(saleId: string, patienceMs = longPatienceMs): Promise<boolean> {
    const startedAt = performance.now();
    const mended = await this.gate.exclusive(saleId, patienceMs, async (tx) => {
      const sale = await this.sales.find(saleId, tx);
      if (sale?.archivedAt !== null || (await this.reader.read(tx, sale)).well) return false;
      await this.loadWhole(tx, sale);
      // the first load is part of the sale's creation
      if (sale.epoch > 0) await this.audit.record(tx, { actor: systemActor, action: 'sale.reloaded', saleId });
      return true;
    });
    if (!mended) return false;
    this.reloads.observe((performance.now() - startedAt) / 1000);
    await this.snapshots.changed(saleId);
    return true;
  }

  /**
   * Changes a sale in both stores, or in neither. Capacity that is added reaches Redis after the commit: were the commit
   * lost, Redis would offer what Postgres does not have.
   * @param patienceMs how long to wait for the gate; default: as an admin does
   * @throws DomainError `not_found`, `capacity_below_taken`, what `edit` throws, and `unavailable` (it may have happened)
   */
  async change(saleId: string, audit: AuditEntry, edit: Edit, patienceMs = longPatienceMs): Promise<Sale> {
    for (let attempt = 1; ; attempt++) {
      const changed = await this.tryChange(saleId, patienceMs, audit, edit);
      if (changed !== 'unsound') {
        await this.offerAddedCapacity(changed.before, changed.after);
        await this.snapshots.changed(saleId);
        return (await this.sales.find(saleId)) ?? changed.after;
      }
      if (attempt === changeAttempts) throw recovering();
      await this.mend(saleId, patienceMs);
    }
  }

  /**
   * Runs `work` in a transaction that holds the sale's gate. There `take` takes stock again that an order had given back:
   * a change of the sale like any other, in both stores or in neither. `work` may be run again, and does Postgres's part.
   * @throws DomainError `not_found`, `recovering`, what `work` throws, and `unavailable` (it may have happened)
   */
  async retake<T>(saleId: string, work: (tx: Queryable, take: Take) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.gate.exclusive(saleId, briefPatienceMs, async (tx) => {
          const sale = await this.sales.find(saleId, tx);
          if (sale === null) throw notFound('sale');
          return work(tx, (claim) => this.take(tx, sale, claim));
        });
      } catch (error) {
        if (error !== unsound) throw error;
      }
      if (attempt === changeAttempts) throw recovering();
      await this.mend(saleId, briefPatienceMs);
    }
  }

  /** Deletes a draft. Its keys go first: were the commit lost, the next reload brings them back. */
  async deleteDraft(saleId: string, audit: AuditEntry): Promise<void> {
    await this.gate.exclusive(saleId, longPatienceMs, async (tx) => {
      const sale = await this.sales.find(saleId, tx);
      if (sale === null) throw notFound('sale');
      if (sale.status !== 'draft') {
        throw new DomainError('invalid_transition', `Only a draft can be deleted; this sale is ${sale.status}.`);
      }
      await this.audit.record(tx, { ...audit, saleId });
      await this.stock.remove(saleId);
      await this.sales.delete(tx, saleId);
    });
    await this.snapshots.changed(saleId);
  }

  private async take(tx: Queryable, sale: Sale, claim: StockClaim): Promise<'taken' | 'sold_out' | 'limit_exceeded'> {
    if (sale.archivedAt !== null) return 'taken'; // Postgres has taken it, and nobody else asks
    const { kind } = await this.moveOn(tx, sale, sale.epoch, new Map(), claim);
    switch (kind) {
      case 'unsound':
        throw unsound;
      case 'taken':
        return 'sold_out';
      case 'limit':
        return 'limit_exceeded';
      case 'changed':
        return 'taken';
    }
  }

  /** Moves a sale that is well on by one epoch in both stores, with these fields and so much more or less stock. */
  private async moveOn(
    tx: Queryable,
    sale: Sale,
    from: number,
    differences: ReadonlyMap<string, number>,
    claim?: StockClaim,
  ): Promise<ChangeOutcome> {
    const epochs = { from, to: from + 1 };
    const outcome = await this.stock.change(sale.id, epochs, fieldsOf(sale), differences, claim);
    if (outcome.kind === 'changed') await tx.rows(moveOn, [sale.id, epochs.to]);
    return outcome;
  }

  private async tryChange(
    saleId: string,
    patienceMs: number,
    audit: AuditEntry,
    edit: Edit,
  ): Promise<{ before: Sale; after: Sale } | 'unsound'> {
    try {
      return await this.gate.exclusive(saleId, patienceMs, async (tx) => {
        const before = await this.sales.find(saleId, tx);
        if (before === null) throw notFound('sale');
        const after = { ...edit(before), epoch: before.epoch + 1 };
        await this.audit.record(tx, { ...audit, saleId });
        await this.sales.update(tx, after);
        if (before.status === 'draft') {
          await this.sales.replaceTicketTypes(tx, after);
          await this.loadWhole(tx, after);
          return { before: after, after };
        }
        const below = after.ticketTypes.filter(({ capacity, taken }) => capacity < taken);
        if (below.length > 0) throw capacityBelowTaken(below.map(({ id }) => id));
        await this.sales.updateCapacities(tx, after);
        if (before.archivedAt === null) await this.applyToRedis(tx, before, after);
        return { before, after };
      });
    } catch (error) {
      if (error === unsound) return 'unsound';
      throw error;
    }
  }

  /** Fields and cuts, in one script: buyers are not kept out for a moment. */
  private async applyToRedis(tx: Queryable, before: Sale, after: Sale): Promise<void> {
    const outcome = await this.moveOn(tx, after, before.epoch, differences(before, after, -1));
    if (outcome.kind === 'taken') throw capacityBelowTaken(outcome.ticketTypeIds);
    if (outcome.kind === 'unsound') throw unsound;
  }

  /**
   * The epoch tells whether anything came first. Then under the gate what is missing is what was added, unless a reload has
   * counted it. One that dies here leaves a drift that calls for a reload.
   */
  private async offerAddedCapacity(before: Sale, after: Sale): Promise<void> {
    const added = differences(before, after, 1);
    if (added.size === 0 || after.archivedAt !== null) return;
    const kind = await this.gate.exclusive(after.id, longPatienceMs, async (tx) => {
      const sale = await this.sales.find(after.id, tx);
      if (sale === null) return 'deleted';
      const missing = sale.epoch === after.epoch ? added : await this.missing(tx, sale, added);
      return missing.size === 0 ? 'counted' : (await this.moveOn(tx, sale, sale.epoch, missing)).kind;
    });
    if (kind === 'unsound') await this.mend(after.id);
  }

  /** How much of what was added neither store accounts for. What is more is a drift of another kind, for a reload to mend. */
  private async missing(tx: Queryable, sale: Sale, added: ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const { figures } = await this.reader.read(tx, sale);
    const missing = figures.map(({ ticketTypeId, drift }): [string, number] => [
      ticketTypeId,
      Math.min(drift, added.get(ticketTypeId) ?? 0),
    ]);
    return new Map(missing.filter(([, tickets]) => tickets > 0));
  }

  /**
   * Rebuilds everything that Redis holds of a sale from Postgres and the outbox, behind a fence, at the sale's next epoch.
   * @throws DomainError `recovering` where another reload took the fence away or Redis lost something meanwhile
   */
  private async loadWhole(tx: Queryable, sale: Sale): Promise<void> {
    const token = newId();
    const epoch = sale.epoch + 1;
    const { id } = sale;
    await tx.rows(setEpoch, [id, epoch]);
    await tx.rows(deleteReturns, [id]);
    await this.stock.fence(id, token);

    const waiting = await this.waitingOrders(tx, id, token);
    const queued = new Tally();
    for (const order of waiting) for (const item of order.items) queued.add(item.ticketTypeId, item.quantity);
    const stock = new Map(
      sale.ticketTypes.map((type) => {
        const available = type.capacity - type.taken - queued.of(type.id);
        return [type.id, { available, queued: queued.of(type.id) }];
      }),
    );
    const heard = (): Promise<unknown> => tx.rows(stillHere);
    await this.stock.stageTimes(id, token, waiting, heard);
    await this.stock.stageHash(id, token, epoch, 'buyers', await this.buyers(tx, id, waiting), heard);
    await this.stock.stageHash(id, token, epoch, 'queued-by', idsByBuyer(waiting), heard);
    await this.stock.stageHash(id, token, epoch, 'idem', await this.idempotencyKeys(tx, id, waiting), heard);
    const loaded = { fields: fieldsOf(sale), epoch, stock, outboxSize: waiting.length };
    if (!(await this.stock.load(id, token, loaded))) throw recovering();
  }

  /** The orders of the outbox that Postgres does not have; those that it has leave the outbox. */
  private async waitingOrders(tx: Queryable, saleId: string, token: string): Promise<OutboxEntry[]> {
    const waiting: OutboxEntry[] = [];
    for await (const { entries, broken } of this.stock.outbox(saleId)) {
      const written = await this.reader.written(
        tx,
        entries.map(({ id }) => id),
      );
      if (!(await this.stock.drop(saleId, token, [...written.keys(), ...broken]))) throw recovering();
      waiting.push(...entries.filter(({ id }) => !written.has(id)));
    }
    return waiting;
  }

  private async buyers(tx: Queryable, saleId: string, waiting: readonly OutboxEntry[]): Promise<[string, number][]> {
    const totals = new Map<string, number>();
    for (let last = '', more = true; more;) {
      const page = await tx.rows<{ buyerId: string; tickets: number }>(buyersPage, [saleId, last, pageSize]);
      for (const { buyerId, tickets } of page) totals.set(buyerId, tickets);
      last = page.at(-1)?.buyerId ?? last;
      more = page.length === pageSize;
    }
    for (const order of waiting) totals.set(order.buyerId, (totals.get(order.buyerId) ?? 0) + ticketsOf(order));
    return [...totals];
  }

  private async idempotencyKeys(
    tx: Queryable,
    saleId: string,
    waiting: readonly OutboxEntry[],
  ): Promise<[string, string][]> {
    const keys = new Map<string, string>();
    for (const { id, idempotency, bodyHash } of waiting) {
      if (idempotency !== undefined) keys.set(idempotency, id + (bodyHash ?? ''));
    }
    for (let last = '', more = true; more;) {
      const page = await tx.rows<{ id: string; idempotency: string; bodyHash: string }>(keysPage, [
        saleId,
        last,
        pageSize,
      ]);
      for (const { id, idempotency, bodyHash } of page) keys.set(idempotency, id + bodyHash);
      last = page.at(-1)?.idempotency ?? last;
      more = page.length === pageSize;
    }
    return [...keys];
  }
}

function idsByBuyer(waiting: readonly OutboxEntry[]): Map<string, string> {
  const ids = new Map<string, string>();
  for (const { id, buyerId } of waiting) ids.set(buyerId, (ids.get(buyerId) ?? '') + id);
  return ids;
}

function fieldsOf(sale: Sale): SaleFields {
  return {
    status: sale.status,
    opensAt: sale.opensAt,
    closesAt: sale.closesAt,
    maxPerBuyer: sale.maxPerBuyer,
  };
}

/** By how much capacities grow (`sign` 1) or shrink (`sign` -1); others are left out. */
function differences(before: Sale, after: Sale, sign: 1 | -1): Map<string, number> {
  const moved = new Map<string, number>();
  for (const type of after.ticketTypes) {
    const old = before.ticketTypes.find(({ id }) => id === type.id)?.capacity ?? type.capacity;
    if (Math.sign(type.capacity - old) === sign) moved.set(type.id, type.capacity - old);
  }
  return moved;
}

function capacityBelowTaken(ticketTypeIds: readonly string[]): DomainError {
  return new DomainError('capacity_below_taken', 'The capacity would be less than what is sold, held or ordered.', {
    ticketTypeIds,
  });
}
