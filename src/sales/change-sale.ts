import { Injectable } from '@nestjs/common';
import { DomainError, type Sale } from '../domain/index.js';
import { longPatienceMs, type Queryable } from '../postgres/index.js';
import { AuditLog, type AuditEntry } from './audit-log.js';
import { LoadSale } from './load-sale.js';
import { MoveSale } from './move-sale.js';
import { SaleSnapshots } from './sale-snapshots.js';
import { SaleRepository } from './sale.repository.js';
import { StockReader } from './stock-reader.js';

/** What an admin, or the end of a sale's time, does to a sale: its next state, made from the one under the gate; the same: nothing. */
export type Edit = (sale: Sale) => Sale;

interface Change {
  readonly before: Sale;
  readonly after: Sale;
}

/** Changes a sale in both servers, or in neither. */
@Injectable()
export class ChangeSale {
  constructor(
    private readonly sales: SaleRepository,
    private readonly move: MoveSale,
    private readonly loader: LoadSale,
    private readonly reader: StockReader,
    private readonly audit: AuditLog,
    private readonly snapshots: SaleSnapshots,
  ) {}

  /**
   * Capacity that is added reaches Redis after the commit: were the commit lost, Redis would offer what Postgres does not have.
   * @param patienceMs how long to wait for the gate; default: as an admin does
   * @throws DomainError `not_found`, `capacity_below_taken`, what `edit` throws, `recovering`, and `unavailable` (it may have happened)
   */
  async execute(saleId: string, audit: AuditEntry, edit: Edit, patienceMs = longPatienceMs): Promise<Sale> {
    const change = await this.move.underGate(saleId, patienceMs, (tx, before) =>
      this.change(tx, before, edit, { ...audit, saleId }),
    );
    await this.offerAddedCapacity(change);
    await this.snapshots.changed(saleId);
    return (await this.sales.find(saleId)) ?? change.after;
  }

  private async change(tx: Queryable, before: Sale, edit: Edit, audit: AuditEntry): Promise<Change> {
    const edited = edit(before);
    if (edited === before) return { before, after: before };
    const after = { ...edited, epoch: before.epoch + 1 };
    await this.audit.record(tx, audit);
    await this.sales.update(tx, after);
    if (before.status === 'draft') {
      await this.sales.replaceTicketTypes(tx, after);
      await this.loader.load(tx, after);
      return { before: after, after };
    }
    const below = after.ticketTypes.filter(({ capacity, taken }) => capacity < taken);
    if (below.length > 0) throw capacityBelowTaken(below.map(({ id }) => id));
    await this.sales.updateCapacities(tx, after);
    if (before.archivedAt !== null) return { before, after };
    // fields and cuts, in one script: buyers are not kept out for a moment
    const moved = await this.move.move(tx, after, before.epoch, differences({ before, after }, -1));
    if (moved.kind === 'taken') throw capacityBelowTaken(moved.ticketTypeIds);
    return { before, after };
  }

  /**
   * The epoch tells whether anything came first. Then under the gate what is missing is what was added, unless a reload has
   * counted it. One that dies here leaves a drift that calls for a reload.
   */
  private async offerAddedCapacity(change: Change): Promise<void> {
    const { after } = change;
    const added = differences(change, 1);
    if (added.size === 0 || after.archivedAt !== null) return;
    await this.move.underGate(after.id, longPatienceMs, async (tx, sale) => {
      const missing = sale.epoch === after.epoch ? added : await this.missing(sale, added);
      if (missing.size > 0) await this.move.move(tx, sale, sale.epoch, missing);
    });
  }

  /** How much of what was added neither server accounts for. What is more is a drift of another kind, for a reload to mend. */
  private async missing(sale: Sale, added: ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const { figures } = await this.reader.read(sale);
    const missing = figures.map(({ ticketTypeId, drift }): [string, number] => [
      ticketTypeId,
      Math.min(drift, added.get(ticketTypeId) ?? 0),
    ]);
    return new Map(missing.filter(([, tickets]) => tickets > 0));
  }
}

/** By how much capacities grow (`sign` 1) or shrink (`sign` -1); others are left out. */
function differences({ before, after }: Change, sign: 1 | -1): Map<string, number> {
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
