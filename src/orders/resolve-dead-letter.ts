import { Injectable } from '@nestjs/common';
import { notFound } from '../domain/index.js';
import { StockStore } from '../inventory/index.js';
import { Database, type Queryable } from '../postgres/index.js';
import { AuditLog } from '../sales/index.js';
import { DeadLetterRepository, type DeadLetter } from './dead-letter.repository.js';
import { OrderIntake } from './order-intake.js';

/** What an admin does with an order that cannot be written. Either way it goes through the worker again, like any order. */
@Injectable()
export class ResolveDeadLetter {
  constructor(
    private readonly letters: DeadLetterRepository,
    private readonly stock: StockStore,
    private readonly intake: OrderIntake,
    private readonly database: Database,
    private readonly audit: AuditLog,
  ) {}

  /** Tries to write it again. @throws DomainError `not_found` */
  async retry(id: string, admin: string): Promise<DeadLetter> {
    return this.resolve(id, admin, 'dead-letter.retried', (tx) => this.letters.revive(tx, id));
  }

  /** Gives it up: the order ends rejected, and its stock comes back. @throws DomainError `not_found` */
  async discard(id: string, admin: string): Promise<void> {
    await this.resolve(id, admin, 'dead-letter.discarded', (tx) => this.letters.discard(tx, id));
  }

  private async resolve(
    id: string,
    admin: string,
    action: string,
    decide: (tx: Queryable) => Promise<boolean>,
  ): Promise<DeadLetter> {
    const letter = await this.letters.find(id);
    if (letter === null) throw notFound('order');
    const { saleId } = letter;
    const { entry, trusted } = await this.stock.peek(saleId, id);
    const isLost = entry === null && trusted; // destroyed with Redis's data: there is nothing left to write
    await this.database.transaction(async (tx) => {
      const isMine = isLost ? await this.letters.remove(tx, id) : await decide(tx);
      if (!isMine) throw notFound('order'); // somebody else has resolved it since
      await this.audit.record(tx, { actor: admin, action, saleId, details: { orderId: id } });
    });
    if (!isLost) this.intake.enqueue(saleId, id); // dies before this line? the requeue pass finds it
    return letter;
  }
}
