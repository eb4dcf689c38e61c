import { Injectable } from '@nestjs/common';
import { v7 as newId } from 'uuid';
import { recovering, type Sale } from '../domain/index.js';
import { StockStore, type StagedSale } from '../inventory/index.js';
import type { Queryable, Statement } from '../postgres/index.js';
import { saleFields, SaleRepository } from './sale.repository.js';

const buyersPage: Statement = {
  name: 'buyers-page',
  text: `
    SELECT buyer_id, tickets FROM buyer_totals WHERE sale_id = $1 AND buyer_id > $2 ORDER BY buyer_id LIMIT $3`,
};

const keysPage: Statement = {
  name: 'keys-page',
  text: `
    SELECT idempotency, id || body_hash AS bound FROM orders
    WHERE sale_id = $1 AND idempotency > $2 AND idempotency IS NOT NULL AND reason IS DISTINCT FROM 'duplicate'
    ORDER BY idempotency LIMIT $3`,
};

const writtenOf: Statement = { name: 'written-of', text: 'SELECT id FROM orders WHERE id = ANY($1::uuid[])' };

/** Rows in one page: 10 ms of this process, and Postgres hears from it between two. */
const pageSize = 5000;

/**
 * Rebuilds everything that Redis holds of a sale from Postgres and the outbox, behind a fence. It streams: what it needs of memory does
 * not grow with the sale. Source: docs/protocol.md, "reload".
 */
@Injectable()
export class LoadSale {
  constructor(
    private readonly sales: SaleRepository,
    private readonly stock: StockStore,
  ) {}

  /**
   * To be called with the gate held exclusively. Moves the sale to its next epoch.
   * @throws DomainError `recovering` where another load took the fence away or Redis lost something meanwhile
   */
  async load(tx: Queryable, sale: Sale): Promise<void> {
    const { id } = sale;
    const token = newId();
    const epoch = sale.epoch + 1;
    const returnBatch = await this.sales.beginLoad(tx, id, epoch);
    await this.stock.fence(id, token);

    const staged = this.stock.staged(id, token, epoch);
    try {
      await this.stage(tx, id, token, staged);
      const unsold = new Map(sale.ticketTypes.map((type) => [type.id, type.capacity - type.taken]));
      const loaded = { fields: saleFields(sale), unsold, returnBatch };
      if (!(await this.stock.load(id, token, epoch, loaded))) throw recovering();
    } catch (error) {
      await staged.discard().catch(() => undefined); // else it expires
      throw error;
    }
  }

  private async stage(tx: Queryable, id: string, token: string, staged: StagedSale): Promise<void> {
    await staged.begin();
    for await (const page of pages<[string, number]>(tx, buyersPage, id)) {
      // those who have none are left out here: in the statement a page could become all of them
      await staged.buyers(page.filter(([, tickets]) => tickets > 0));
    }
    for await (const page of pages<[string, string]>(tx, keysPage, id)) await staged.boundKeys(page);
    await this.stageOutbox(tx, id, token, staged);
  }

  /** Orders that Postgres has leave the outbox; the others are counted. */
  private async stageOutbox(tx: Queryable, saleId: string, token: string, staged: StagedSale): Promise<void> {
    for await (const { entries, broken } of this.stock.outbox(saleId, 'as found')) {
      const ids = entries.map(({ id }) => id);
      const written = new Set((await tx.rows<{ id: string }>(writtenOf, [ids])).map(({ id }) => id));
      if (!(await this.stock.drop(saleId, token, [...written, ...broken]))) throw recovering();
      await staged.waiting(ids.filter((id) => !written.has(id)));
    }
  }
}

/** Rows of two columns, the first of which orders them, page by page. */
async function* pages<Row extends [string, unknown]>(
  tx: Queryable,
  statement: Statement,
  saleId: string,
): AsyncGenerator<Row[]> {
  for (let last = '', more = true; more;) {
    const rows = await tx.rows<Record<string, unknown>>(statement, [saleId, last, pageSize]);
    const page = rows.map((row) => Object.values(row) as Row);
    if (page.length > 0) yield page;
    last = page.at(-1)?.[0] ?? last;
    more = page.length === pageSize;
  }
}
