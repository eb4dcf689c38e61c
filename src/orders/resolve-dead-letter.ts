import { Injectable } from '@nestjs/common';
import { notFound } from '../domain/index.js';
import { StockStore } from '../inventory/index.js';
import { Database } from '../postgres/index.js';
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
    return this.resolve(id, admin, 'dead-letter.retried', () => this.letters.revive(id));
  }

  /** Gives it up: the order ends rejected, and its stock comes back. @throws DomainError `not_found` */
  async discard(id: string, admin: string): Promise<void> {
    await this.resolve(id, admin, 'dead-letter.discarded', () => this.letters.discard(id));
  }

  private async resolve(id: string, admin: string, action: string, decide: () => Promise<void>): Promise<DeadLetter> {
    const letter = await this.letters.find(id);
    if (letter === null) throw notFound('order');
    const { saleId } = letter;
    await this.database.transaction((tx) =>
      this.audit.record(tx, { actor: admin, action, saleId, details: { orderId: id } }),
    );
    const { entry, trusted } = await this.stock.peek(saleId, id);
    if (entry === null && trusted) {
      await this.letters.remove(id); // destroyed with Redis's data: there is nothing left to write
      return letter;
    }
    await decide();
    this.intake.enqueue(saleId, id); // dies before this line? the requeue pass finds it
    return letter;
  }
}
