import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { Random } from '../chaos/surge/random.js';
import { admin, adminKey, buyer, operatorKey, viewerKey, type Answer, type Headers } from '../support/api-client.js';
import { expectStatus, openSale, times, writtenOrder, type GivenSale } from '../support/given.js';
import { RequestGenerator, type GeneratedRequest } from '../support/generated-requests.js';
import { assertInvariants } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { bearer } from '../support/tokens.js';
import { signed, webhookPath, webhookSecret } from '../support/webhook.js';

/** FUZZ_REQUESTS=20000 for the long run; FUZZ_SEED for other ones. */
const requests = Number(process.env['FUZZ_REQUESTS'] ?? 600);
const seed = Number(process.env['FUZZ_SEED'] ?? 1);
const concurrency = 8;
const heapGrowthMb = 48;
jest.setTimeout(60_000 + requests * 60);

let system: System;
let sale: GivenSale;
beforeAll(async () => {
  system = await startSystem({ env: { PAYMENT_WEBHOOK_SECRET: webhookSecret, GUEST_SESSIONS: 'on' } });
  sale = await openSale(system.api, { capacities: [5000, 5000], maxPerBuyer: 1000 });
});
afterAll(async () => {
  await system.stop();
  expect(system.log.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
});

function headersFor(path: string, random: Random, body: string | undefined): Headers {
  if (path === webhookPath) return random.chance(0.8) ? signed(body ?? '') : {};
  if (random.chance(0.05)) return random.pick([{}, bearer('nonsense'), { authorization: 'Basic YTpi' }]);
  if (path.startsWith('/v1/admin/')) {
    return bearer(random.chance(0.8) ? adminKey : random.pick([operatorKey, viewerKey]));
  }
  return buyer(random.pick(['ann', 'bob', '__proto__', "'; DROP TABLE orders; --"]));
}

function heapMb(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

test(`when ${requests} generated requests come (seed ${seed}), then each answer is documented and none is a fault`, async () => {
  const order = await writtenOrder(system.api, sale, 'ann');
  const ids: Record<string, string[]> = {
    saleId: [sale.id],
    orderId: [order.id],
    id: [...sale.types],
    ticketTypeId: [...sale.types],
    buyerId: ['ann', '__proto__'],
  };
  const random = new Random(seed);
  const generator = new RequestGenerator(random, ids);
  const statuses = new Map<number, number>();
  const faults: string[] = [];
  let sent = 0;

  /** What was made is used by those that follow. */
  const remember = (request: GeneratedRequest, { status, body }: Answer): void => {
    if (status === 202) ids['orderId'] = [...(ids['orderId'] ?? []).slice(-20), body.id];
    if (status === 201 && request.path === '/v1/admin/sales') ids['saleId'] = [sale.id, sale.id, sale.id, body.id];
  };
  const sendOne = async (): Promise<void> => {
    const request = generator.request();
    const path = request.path.replace(/\?.*$/, '');
    // not passed on by an nginx
    if (path === '/metrics' && process.env['TEST_TOPOLOGY'] !== undefined) return;
    // the one sale on which the books are checked stays open
    if (path.startsWith(sale.admin) && /\/(close|pause)$/.test(path)) return;
    const headers = { ...request.headers, ...headersFor(path, random, request.body) };
    const options = { headers, ...(request.body === undefined ? {} : { raw: request.body }) };
    try {
      const answer = await system.api.request(request.method, request.path, options);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status >= 500 && answer.status !== 503) faults.push(`${answer.status} ${JSON.stringify(request)}`);
      remember(request, answer);
    } catch (error) {
      faults.push(`${(error as Error).message} ${JSON.stringify(request).slice(0, 500)}`);
    }
  };
  const send = async (until: number): Promise<void> => {
    await Promise.all(
      times(concurrency, async () => {
        while (sent < until && faults.length < 10) {
          sent += 1;
          await sendOne();
        }
      }),
    );
  };

  await send(Math.floor(requests / 3)); // until then caches fill
  const before = heapMb();
  await send(requests);
  const after = heapMb();
  const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
  process.stdout.write(
    `${sent} requests over ${generator.routes} routes, seed ${seed}: ${counts.join(', ')}; ` +
      `heap ${before.toFixed(0)} MB, then ${after.toFixed(0)} MB\n`,
  );
  expect(faults).toEqual([]);
  expect(after - before).toBeLessThan(heapGrowthMb);
  for (const status of [200, 201, 202, 204, 400, 401, 403, 404, 409])
    expect(statuses.get(status) ?? 0).toBeGreaterThan(0);

  expectStatus(200, await system.api.get('/health/ready'));
  expectStatus(200, await system.api.get(sale.admin, admin));
  await assertInvariants(system, sale, { maxPerBuyer: 1000 });
});
