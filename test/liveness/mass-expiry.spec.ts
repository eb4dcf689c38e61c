import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { saleKey } from '../../src/redis/index.js';
import { inventoryOf, type GivenSale } from '../support/given.js';
import { brokenPromises, HealthySale, toldOf } from '../support/healthy-sale.js';
import { lapse, largeSale, orderOf } from '../support/large-sale.js';
import { Meter, told } from '../support/meter.js';
import { latePasses, PassWatch } from '../support/pass-watch.js';
import { startProcessFleet, type ProcessFleet } from '../support/process-fleet.js';
import { repeatedly } from '../support/repeatedly.js';
import { report, sized } from '../support/sizes.js';
import { broken } from '../support/until.js';
import { pay } from '../support/webhook.js';

/** 60,000 with 3 late payments a second were not through after 91 s. */
const holds = sized('LIVENESS_HOLDS', 60_000, 100_000);
const paymentsPerSecond = 3;
const doneMs = 60_000;
jest.setTimeout(doneMs + 180_000);

let fleet: ProcessFleet;
beforeAll(async () => {
  fleet = await startProcessFleet();
});
afterAll(() => fleet.stop());

/** What a payment provider meets: it sends a webhook again once its `Retry-After` is over, and again. */
class Provider {
  readonly answers = new Meter();
  /** webhooks by the attempt that was taken */
  readonly takenAt: number[] = [];
  readonly unheard: string[] = [];

  constructor(private readonly sale: GivenSale) {}

  /** Pays for an order whose hold ran out; an expired one where there is one. */
  async payLate(n: number): Promise<void> {
    const orderId = await this.lateOrder(n);
    for (let attempt = 1; attempt <= 10; attempt++) {
      const webhook = { saleId: this.sale.id, orderId, paymentReference: `late-${n}` };
      const answer = await this.answers.time(204, () => pay(fleet.api, webhook));
      if (answer?.status === 204) {
        this.takenAt.push(attempt);
        return;
      }
      await delay(1000 * Number(answer?.headers['retry-after'] ?? 1));
    }
    this.unheard.push(orderId);
  }

  private async lateOrder(n: number): Promise<string> {
    const { rows } = await fleet.sql.query<{ id: string }>(
      `SELECT id FROM orders WHERE sale_id = $1 AND status = 'expired' AND id > $2 ORDER BY id LIMIT 1`,
      [this.sale.id, orderOf(this.sale, (n * 7919) % holds).id],
    );
    return rows[0]?.id ?? orderOf(this.sale, (n * 7919) % holds).id;
  }
}

async function count(text: string, sale: GivenSale): Promise<number> {
  const { rows } = await fleet.sql.query<{ n: string }>(`SELECT count(*) AS n FROM ${text} sale_id = $1`, [sale.id]);
  return Number(rows[0]?.n);
}

const left = (sale: GivenSale): Promise<number> => count(`orders WHERE status = 'reserved' AND`, sale);

test(`when ${holds} holds of a sold-out sale lapse at once and ${paymentsPerSecond} are paid late each second, then tickets come back as it goes, and others notice nothing`, async () => {
  const crowd = await largeSale(fleet, { orders: holds, payment: 'webhook', name: 'Lapses' });
  const healthy = await HealthySale.open(fleet.api);
  const passes = await PassWatch.prepare(fleet);
  const before = await healthy.undisturbed();
  const provider = new Provider(crowd);
  const leftWhenFirstBack: number[] = [];
  let done: string[] = [];
  let doneAfterMs = 0;

  const during = await healthy.during(async () => {
    await lapse(fleet.sql, crowd);
    const lapsedAt = performance.now();
    passes.start();
    const endPaying = repeatedly(paymentsPerSecond, (n) => provider.payLate(n));
    done = await broken(
      'every hold has ended, and every ticket is back',
      async () => {
        const available = Number(await fleet.redis.hget(saleKey(crowd.id, 'stock'), crowd.types[0] ?? ''));
        const overdue = await left(crowd);
        if (available > 0 && leftWhenFirstBack.length === 0) leftWhenFirstBack.push(overdue);
        expect({ overdue, undelivered: await count('stock_returns WHERE', crowd) }).toEqual({
          overdue: 0,
          undelivered: 0,
        });
      },
      { timeoutMs: doneMs, intervalMs: 250 },
    );
    doneAfterMs = Math.round(performance.now() - lapsedAt);
    await endPaying();
  });
  const longest = await passes.stop();
  const firstTry = provider.takenAt.filter((attempt) => attempt === 1).length;
  const later = provider.takenAt.filter((attempt) => attempt > 2).length;
  report(`yardstick: ${toldOf(before)}`);
  report(`${holds} holds lapse, done after ${doneAfterMs} ms: ${toldOf(during)}; passes ${JSON.stringify(longest)}`);
  report(`webhooks ${told(provider.answers.figures())}; ${firstTry} taken at once, ${later} after more than one retry`);
  report(`first tickets were back with ${leftWhenFirstBack[0] ?? 'no'} holds still to end`);

  const adrift = await broken(
    'nothing drifts',
    async () => {
      expect(await inventoryOf(fleet.api, crowd)).toMatchObject([{ drift: 0 }]);
    },
    { timeoutMs: 10_000, intervalMs: 500 },
  );
  expect([
    ...done,
    ...((leftWhenFirstBack[0] ?? 0) > 0 ? [] : ['no ticket came back before the last hold had ended']),
    ...(later + provider.unheard.length === 0
      ? []
      : [`${later} webhooks were 503 after their retry, ${provider.unheard.length} ten times`]),
    ...brokenPromises(during, before),
    ...latePasses(longest),
    ...adrift,
    ...fleet.deaths(),
  ]).toEqual([]);
});
