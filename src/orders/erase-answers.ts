import { Injectable } from '@nestjs/common';
import type { OrderStatus } from '../domain/index.js';
import { askOfSales, StockStore } from '../inventory/index.js';
import { Database, longPatienceMs, SaleGate, type Queryable, type Statement } from '../postgres/index.js';
import { AuditLog, SaleRepository } from '../sales/index.js';
import { OrderMarks } from './order-marks.js';

/** By the index that begins with the sale: there is none of buyers alone, which every purchase would pay for. */
const salesOfBuyer: Statement = {
  name: 'sales-of-buyer',
  text: `
    SELECT s.id FROM sales s
    WHERE s.status <> 'draft' AND EXISTS (SELECT FROM orders o WHERE o.sale_id = s.id AND o.buyer_id = $1)`,
};

const eraseOrders: Statement = {
  name: 'erase-answers',
  text: `
    UPDATE orders SET answers = '{}' WHERE sale_id = $1 AND buyer_id = $2 AND answers <> '{}' RETURNING id, status`,
};

const deadLetters: Statement = {
  name: 'dead-letters-of-sale',
  text: 'SELECT id, payload FROM dead_letters WHERE sale_id = $1',
};

/** Also of its error: a worker of an older version, beside us in a rolling update, keeps Postgres's own words, which may quote answers. */
const rewriteDeadLetter: Statement = {
  name: 'rewrite-dead-letter',
  text: `UPDATE dead_letters SET payload = $2, error = 'erased with the answers: retry it to see why' WHERE id = $1`,
};

/**
 * Erases what a buyer's orders say about him, wherever they are: in Postgres, in the outbox, in dead letters. An order that
 * is on its way cannot bring it back: a worker reads the outbox under the gate, which is held while both are erased.
 */
@Injectable()
export class EraseAnswers {
  constructor(
    private readonly database: Database,
    private readonly gate: SaleGate,
    private readonly stock: StockStore,
    private readonly sales: SaleRepository,
    private readonly audit: AuditLog,
    private readonly marks: OrderMarks,
  ) {}

  /** Safe to repeat; after an error it must be. @throws DomainError `unavailable` */
  async execute(buyerId: string, admin: string): Promise<void> {
    // first, and without the buyer: who asked for it is known also where it was cut off half-way
    await this.database.transaction((tx) => this.audit.record(tx, { actor: admin, action: 'buyer.answers-erased' }));
    for (const saleId of await this.salesOf(buyerId)) await this.eraseIn(saleId, buyerId);
  }

  /** Redis first: an order that leaves an outbox between the two questions is in Postgres for the second. */
  private async salesOf(buyerId: string): Promise<Set<string>> {
    const ids = await this.sales.liveIds();
    const may = await askOfSales(ids, (id) => this.stock.mayHold(id, buyerId));
    const written = await this.database.rows<{ id: string }>(salesOfBuyer, [buyerId]);
    return new Set([...ids.filter((_, index) => may[index]), ...written.map(({ id }) => id)]);
  }

  private async eraseIn(saleId: string, buyerId: string): Promise<void> {
    const erased = await this.gate.exclusive(saleId, longPatienceMs, async (tx) => {
      await this.stock.eraseAnswers(saleId, buyerId);
      await this.eraseInDeadLetters(tx, saleId, buyerId);
      return tx.rows<{ id: string; status: OrderStatus }>(eraseOrders, [saleId, buyerId]);
    });
    if (erased.length === 0) return;
    const ids = erased.map(({ id }) => id);
    await this.marks.changed(saleId, ids);
    // whoever waits for one of them is told to read it again
    await this.stock.settle(saleId, erased);
  }

  private async eraseInDeadLetters(tx: Queryable, saleId: string, buyerId: string): Promise<void> {
    for (const { id, payload } of await tx.rows<{ id: string; payload: string }>(deadLetters, [saleId])) {
      const entry = JSON.parse(payload) as { buyerId: string };
      if (entry.buyerId !== buyerId) continue;
      await tx.rows(rewriteDeadLetter, [id, JSON.stringify({ ...entry, answers: {} })]);
    }
  }
}
