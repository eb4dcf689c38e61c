import { Injectable } from '@nestjs/common';
import { attemptsUntilDead } from '../domain/index.js';
import { AdminQueries, Database, type Queryable, type Statement } from '../postgres/index.js';

const revive: Statement = {
  name: 'revive-dead-letter',
  text: 'UPDATE dead_letters SET attempts = 0 WHERE id = $1 AND NOT discarded RETURNING id',
};

const discard: Statement = {
  name: 'discard-dead-letter',
  text: 'UPDATE dead_letters SET discarded = true WHERE id = $1 AND NOT discarded RETURNING id',
};

const remove: Statement = {
  name: 'remove-dead-letter',
  text: 'DELETE FROM dead_letters WHERE id = $1 RETURNING id',
};

const deadOfSale: Statement = {
  name: 'dead-orders-of-sale',
  text: `SELECT id FROM dead_letters WHERE sale_id = $1 AND attempts >= ${attemptsUntilDead} AND NOT discarded`,
};

export interface DeadLetter {
  /** the order's id */
  readonly id: string;
  readonly saleId: string;
  /** the outbox entry as it was, JSON */
  readonly payload: string;
  /** the rule that it breaks, as `brokenRule` says it */
  readonly error: string;
  readonly attempts: number;
  readonly createdAt: Date;
}

/** Orders that Postgres refuses; they stay in the outbox, so that stock and limits stay true. */
@Injectable()
export class DeadLetterRepository {
  constructor(
    private readonly database: Database,
    private readonly admin: AdminQueries,
  ) {}

  /** Newest first, those older than `before` (an id); one more than `limit`. */
  list(before: string | null, limit: number): Promise<DeadLetter[]> {
    return this.admin.read((client) =>
      client.deadLetter.findMany({
        where: {
          attempts: { gte: attemptsUntilDead },
          discarded: false,
          ...(before === null ? {} : { id: { lt: before } }),
        },
        orderBy: { id: 'desc' },
        take: limit + 1,
      }),
    );
  }

  find(id: string): Promise<DeadLetter | null> {
    return this.admin.read((client) =>
      client.deadLetter.findFirst({ where: { id, attempts: { gte: attemptsUntilDead }, discarded: false } }),
    );
  }

  /** Ids of the orders of a sale that nobody shall queue again. */
  async deadOf(saleId: string): Promise<Set<string>> {
    return new Set((await this.database.rows<{ id: string }>(deadOfSale, [saleId])).map(({ id }) => id));
  }

  /** It may be written again. False: there is none by now. */
  async revive(tx: Queryable, id: string): Promise<boolean> {
    return (await tx.rows(revive, [id])).length > 0;
  }

  /** The next job rejects the order. False: there is none by now. */
  async discard(tx: Queryable, id: string): Promise<boolean> {
    return (await tx.rows(discard, [id])).length > 0;
  }

  /** False: there is none by now. */
  async remove(tx: Queryable, id: string): Promise<boolean> {
    return (await tx.rows(remove, [id])).length > 0;
  }
}
