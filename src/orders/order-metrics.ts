import { Injectable } from '@nestjs/common';
import { attemptsUntilDead } from '../domain/index.js';
import { StockStore } from '../inventory/index.js';
import { LazyFigures, Metrics } from '../observability/index.js';
import { Database, type Statement } from '../postgres/index.js';
import { SaleRepository } from '../sales/index.js';
import { DeadLetterRepository } from './dead-letter.repository.js';
import { OutboxWatch } from './outbox-watch.js';

const counts: Statement = {
  name: 'order-metrics',
  text: `
    SELECT (SELECT count(*) FROM orders WHERE status = 'reserved') AS holds,
      (SELECT count(*) FROM dead_letters WHERE attempts >= ${attemptsUntilDead} AND NOT discarded) AS "deadLetters",
      (SELECT count(*) FROM stock_returns) AS returns`,
};

/** Every old order may be a dead letter: nobody hurries, so Postgres is asked. */
const suspiciousMs = 5000;
const salesDeadlineMs = 500;
const acrossProcesses = 'max';

/** How much waits where, read from the servers when Prometheus asks. Each process tells the same: take the maximum. */
@Injectable()
export class OrderMetrics {
  private readonly outbox: OutboxWatch;
  private readonly saleIds = new LazyFigures(() => this.sales.liveIds(), 1000, salesDeadlineMs);
  /** kept for as long as Postgres is away */
  private known: readonly string[] = [];

  constructor(
    private readonly database: Database,
    private readonly sales: SaleRepository,
    stock: StockStore,
    deadLetters: DeadLetterRepository,
    metrics: Metrics,
  ) {
    this.outbox = new OutboxWatch(stock, deadLetters);
    metrics.gauges(
      {
        holds: { help: 'Orders that are reserved', acrossProcesses },
        dead_letters: { help: 'Orders that PostgreSQL refuses and that wait for an admin', acrossProcesses },
        undelivered_returns: { help: 'Ended orders whose stock is not back in Redis', acrossProcesses },
      },
      () => this.countRows(),
    );
    metrics.gauges(
      {
        outbox_orders: { help: 'Orders in Redis that are not settled', acrossProcesses },
        outbox_oldest_seconds: { help: 'Age of the oldest of them that is no dead letter; 0: none', acrossProcesses },
      },
      () => this.lookAtOutbox(),
    );
  }

  private async countRows() {
    const [row] = await this.database.rows<{ holds: number; deadLetters: number; returns: number }>(counts);
    if (row === undefined) throw new Error('order-metrics: no answer');
    return { holds: row.holds, dead_letters: row.deadLetters, undelivered_returns: row.returns };
  }

  private async lookAtOutbox() {
    this.known = (await this.saleIds.get()) ?? this.known;
    const { orders, oldestMs } = await this.outbox.look(this.known, suspiciousMs);
    return { outbox_orders: orders, outbox_oldest_seconds: oldestMs / 1000 };
  }
}
