import { Injectable } from '@nestjs/common';
import { askOfSales, balanceOf, StockStore, type Inspection } from '../inventory/index.js';
import { Database, type Statement } from '../postgres/index.js';

const ledgers: Statement = {
  name: 'sale-ledgers',
  text: `
    SELECT s.id, s.epoch, json_object_agg(t.id, t.capacity - t.taken + t.written - t.returned) AS balances
    FROM sales s JOIN ticket_types t ON t.sale_id = s.id WHERE s.archived_at IS NULL GROUP BY s.id`,
};

interface Ledger {
  readonly id: string;
  readonly epoch: number;
  /** by ticket type, what Redis must account for (`balanceOf`) */
  readonly balances: Readonly<Record<string, number>>;
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

  /** @param onFailure told why Redis said nothing of a sale, which is then left out */
  async take(onFailure: (error: unknown) => void): Promise<Surveyed[]> {
    const sales = await this.database.rows<Ledger>(ledgers);
    const surveyed = await askOfSales(sales, (sale) => this.survey(sale).catch(onFailure));
    return surveyed.flatMap((sale) => sale ?? []);
  }

  private async survey(sale: Ledger): Promise<Surveyed> {
    const inspection = await this.stock.inspect(sale.id);
    const difference = new Map<string, number>();
    for (const [id, balance] of Object.entries(sale.balances)) {
      const inRedis = balanceOf(inspection, id);
      if (balance !== inRedis) difference.set(id, balance - inRedis);
    }
    return { ...sale, inspection, difference };
  }
}
