import { Injectable } from '@nestjs/common';
import { askOfSales, balanceOf, StockStore, type Inspection } from '../inventory/index.js';
import { Database, type Statement } from '../postgres/index.js';

const loadedSales: Statement = { name: 'loaded-sales', text: 'SELECT id FROM sales WHERE archived_at IS NULL' };

const ledgers: Statement = {
  name: 'sale-ledgers',
  text: `
    SELECT s.id, s.epoch, json_object_agg(t.id, json_build_object('balance', t.capacity - t.taken + t.written - t.returned,
      'written', t.written, 'returned', t.returned)) AS types
    FROM sales s JOIN ticket_types t ON t.sale_id = s.id WHERE s.id = ANY($1::uuid[]) AND s.archived_at IS NULL GROUP BY s.id`,
};

interface Ledger {
  readonly id: string;
  readonly epoch: number;
  /** by ticket type: what Redis must account for (`balanceOf`), and the most that it may have settled and got back */
  readonly types: Readonly<
    Record<string, { readonly balance: number; readonly written: number; readonly returned: number }>
  >;
}

/** A sale as Postgres and Redis had it a moment apart. */
export interface Surveyed extends Ledger {
  readonly inspection: Inspection;
  /** by ticket type: what does not add up. At one epoch that is a drift, however much is on its way meanwhile */
  readonly difference: ReadonlyMap<string, number>;
}

/** One look at all sales that Redis has, for the passes that follow. */
@Injectable()
export class Survey {
  constructor(
    private readonly database: Database,
    private readonly stock: StockStore,
  ) {}

  /**
   * Redis first, then Postgres: so at one load Redis has settled and got back no more than Postgres says, without a gate.
   * @param onFailure told why Redis said nothing of a sale, which is then left out. @throws DomainError `unavailable`
   */
  async take(onFailure: (error: unknown) => void): Promise<Surveyed[]> {
    const ids = (await this.database.rows<{ id: string }>(loadedSales)).map(({ id }) => id);
    const answers = await askOfSales(ids, (id) => this.stock.inspect(id).catch(onFailure));
    const inspections = new Map(ids.map((id, i) => [id, answers[i]]));
    const sales = await this.database.rows<Ledger>(ledgers, [ids]);
    return sales.flatMap((sale) => {
      const inspection = inspections.get(sale.id);
      return inspection ? [{ ...sale, inspection, difference: differenceOf(sale, inspection) }] : [];
    });
  }
}

function differenceOf({ types }: Ledger, inspection: Inspection): Map<string, number> {
  const difference = new Map<string, number>();
  for (const [id, { balance, written, returned }] of Object.entries(types)) {
    const missing = balance - balanceOf(inspection, id);
    // what Postgres never said, or lost with a commit, leaves the balances as they are
    const unheardOf = Math.max(
      0,
      (inspection.settled.get(id) ?? 0) - written,
      (inspection.returned.get(id) ?? 0) - returned,
    );
    if (missing !== 0 || unheardOf !== 0) difference.set(id, missing === 0 ? unheardOf : missing);
  }
  return difference;
}
