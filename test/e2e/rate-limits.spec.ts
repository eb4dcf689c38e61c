import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createSigner } from 'fast-jwt';
import { admin, buyer, jwtSecret, type Answer, type ApiClient, type Headers } from '../support/api-client.js';
import { openSale, purchase, times, type GivenSale } from '../support/given.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { bearer } from '../support/tokens.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const off = { RATE_LIMIT_IP: 'off', RATE_LIMIT_BUYER: 'off', RATE_LIMIT_GLOBAL: 'off' };
/** the tests stand behind a proxy that they are themselves, so that each has addresses of its own */
const proxied = { ...off, TRUST_PROXY: '127.0.0.1' };

let system: System;
let sale: GivenSale;
beforeAll(async () => {
  system = await startSystem({ apis: 1, workers: 0, reconcilers: 0, env: proxied });
  sale = await openSale(system.api, { capacities: [1_000_000], maxPerBuyer: 1000, maxPerOrder: 100 });
});
afterAll(() => system.stop());

/** Two more nodes that share the limits. */
async function twoNodes(env: Readonly<Record<string, string>>): Promise<[ApiClient, ApiClient]> {
  return [await system.startApi(env), await system.startApi(env)];
}

let subjects = 0;
/** An address that nobody else has. */
function newAddress(): string {
  subjects += 1;
  return `10.0.${subjects >> 8}.${subjects & 255}`;
}
function newBuyer(): string {
  subjects += 1;
  return `buyer-${subjects}`;
}

function from(address: string, headers: Headers = {}): Headers {
  return { ...headers, 'x-forwarded-for': address };
}

/** A request that is cheap, and known to be good. */
function look(api: ApiClient, address: string): Promise<Answer> {
  return api.get(`/v1/sales/${sale.id}`, from(address));
}

function lookAsBuyer(api: ApiClient, address: string, headers: Headers): Promise<Answer> {
  return api.get(`${sale.orders}?limit=1`, from(address, headers));
}

function passed(answers: readonly Answer[]): number {
  return answers.filter(({ status }) => status < 300).length;
}

/** What limited an answer; undefined: nothing. */
function typeOf({ headers }: Answer): unknown {
  return headers['x-ratelimit-type'];
}

function tally(values: readonly unknown[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1;
  return counts;
}

/** How often Redis was asked for limits until now. */
async function limitCalls(): Promise<number> {
  const stats = await system.redis.info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

describe('accuracy over two nodes', () => {
  test('when a buyer fires 40 purchases at both nodes at once, then exactly the 10 of the limit pass', async () => {
    const nodes = await twoNodes({ RATE_LIMIT_BUYER: '10/1h' });
    const id = newBuyer();
    const answers = await Promise.all(times(40, (i) => purchase(nodes[i % 2] ?? system.api, sale, id)));
    expect(tally(answers.map(({ status }) => status))).toEqual({ 202: 10, 429: 30 });
  });

  test('when an address uses a part of its burst at one node, then exactly the rest is left at the other', async () => {
    const [one, other] = await twoNodes({ RATE_LIMIT_IP: '100/1h' });
    const address = newAddress();
    expect(passed(await Promise.all(times(7, () => look(one, address))))).toBe(7);
    expect(passed(await Promise.all(times(150, () => look(other, address))))).toBe(93);
    const last = await look(one, address);
    expect([last.status, typeOf(last)]).toEqual([429, 'ip']);
  });

  test.each([
    ['RATE_LIMIT_IP', '100/1s', 100],
    ['RATE_LIMIT_IP', '20/500ms', 40],
    ['RATE_LIMIT_GLOBAL', '80/1s', 80],
  ])(
    'when %s is %s and both nodes are asked for more, then between N and 1.1 N a second pass',
    async (name, limit, n) => {
      const nodes = await twoNodes({ [name]: limit });
      const address = newAddress();
      let count = 0;
      let refused = 0;
      let asking = true;
      const ask = async (i: number): Promise<void> => {
        while (asking) {
          const { status } = await look(nodes[i % 2] ?? system.api, address);
          if (status === 200) count += 1;
          else refused += 1;
        }
      };
      const asked = Promise.all(times(8, ask));
      await until(() => refused > 50, { timeoutMs: 15_000 }); // the burst is over
      const startedAt = performance.now();
      count = 0;
      await sleep(3000);
      const perSecond = (count / (performance.now() - startedAt)) * 1000;
      asking = false;
      await asked;
      expect(perSecond).toBeGreaterThan(0.93 * n); // answers on their way when the time was up do not count
      expect(perSecond).toBeLessThan(1.1 * n);
    },
  );
});

describe('three limits at once', () => {
  test('when a request is refused by one limit, then it takes nothing from the others', async () => {
    const [one, other] = await twoNodes({
      RATE_LIMIT_IP: '6/1h',
      RATE_LIMIT_BUYER: '2/1h',
      RATE_LIMIT_GLOBAL: '1000/1h',
    });
    await system.redis.del('sluice:{limits}:global');
    const address = newAddress();
    const [ann, bob, cid] = [buyer(newBuyer()), buyer(newBuyer()), buyer(newBuyer())];
    expect(passed([await lookAsBuyer(one, address, ann), await lookAsBuyer(one, address, ann)])).toBe(2);
    // each node hears it from Redis first, and knows it then by itself
    const refused = [];
    for (const api of [other, other, other, one]) refused.push(await lookAsBuyer(api, address, ann));
    expect(refused.map(typeOf)).toEqual(['buyer', 'local-buyer', 'local-buyer', 'local-buyer']);

    expect((await lookAsBuyer(one, address, bob)).headers['ratelimit']).toMatch(/^"ip";r=3;t=\d+, "buyer";r=1;t=\d+$/);
    expect(passed([await lookAsBuyer(other, address, bob)])).toBe(1);
    expect(passed([await lookAsBuyer(one, address, cid), await look(one, address)])).toBe(2);
    const last = await lookAsBuyer(one, address, cid);
    expect([last.status, typeOf(last)]).toEqual([429, 'local-ip']);
    expect((await lookAsBuyer(one, newAddress(), cid)).headers['ratelimit']).toMatch(/"buyer";r=0;t=\d+$/);
  });

  test('when all together ask too much, then 503 overloaded comes before who it is, and health and docs go on', async () => {
    const [one, other] = await twoNodes({ RATE_LIMIT_GLOBAL: '3/1h' });
    await system.redis.del('sluice:{limits}:global');
    const answers = [];
    for (const api of [one, one, one, other, other]) answers.push(await look(api, newAddress()));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 503, 503]);
    expect(answers.slice(3).map(typeOf)).toEqual(['global', 'local-global']);
    expect(answers[4]?.body.code).toBe('overloaded');
    expect(answers[4]?.headers['retry-after']).toMatch(/^1[12]\d\d$/);
    expect((await one.get(sale.orders)).status).toBe(503);
    for (const path of ['/health/live', '/health/ready', '/docs/openapi.json']) {
      expect([path, (await fetch(`${one.url}${path}`)).status]).toEqual([path, 200]);
    }
    await system.redis.del('sluice:{limits}:global');
  });

  test('when an address guesses tokens and routes, then that counts too, and 429 comes before 401 and 404', async () => {
    const [one, other] = await twoNodes({ RATE_LIMIT_IP: '4/1h' });
    const address = from(newAddress());
    const ask = async (api: ApiClient, path: string, headers: Headers = {}): Promise<number> =>
      (await api.get(path, { ...address, ...headers })).status;
    expect(await ask(one, sale.orders)).toBe(401);
    expect(await ask(one, '/v1/admin/sales', { authorization: 'Bearer nobody' })).toBe(401);
    expect(await ask(one, '/v1/sales/no-id')).toBe(404);
    expect(await ask(other, '/v1/nothing')).toBe(404);
    for (const api of [other, one]) {
      expect(await ask(api, sale.orders)).toBe(429);
      expect(await ask(api, '/v1/nothing')).toBe(429);
      expect(await ask(api, '/v1/admin/sales', admin)).toBe(429);
      expect(await ask(api, '/health/live')).toBe(200);
    }
  });

  test('when a token has a tier, then its limit is the tier’s; one that is unknown is none', async () => {
    const env = { RATE_LIMIT_BUYER: '3/1h', RATE_LIMIT_BUYER_TIERS: 'vip:6/1h, bot:1/1h, staff:off' };
    const nodes = await twoNodes(env);
    const sign = createSigner({ key: jwtSecret, algorithm: 'HS256' });
    const passes = async (claims: object): Promise<number> => {
      const token = bearer(sign({ sub: newBuyer(), ...claims }));
      return passed(await Promise.all(times(20, (i) => lookAsBuyer(nodes[i % 2] ?? system.api, newAddress(), token))));
    };
    expect(await passes({})).toBe(3);
    expect(await passes({ tier: 'vip' })).toBe(6);
    expect(await passes({ tier: 'bot' })).toBe(1);
    expect(await passes({ tier: 'staff' })).toBe(20);
    for (const tier of ['gold', '__proto__', '', 7, ['vip']]) expect(await passes({ tier })).toBe(3);
  });

  test('when a purchase is of many tickets, then it costs its buyer more, and what is refused costs one', async () => {
    const [api] = await twoNodes({ RATE_LIMIT_BUYER: '20/1h' });
    const left = async (headers: Headers): Promise<string> => {
      const answer = await lookAsBuyer(api, newAddress(), headers);
      return /r=(\d+)/.exec(String(answer.headers['ratelimit']))?.[1] ?? '';
    };
    const [ann, bob, cid] = [newBuyer(), newBuyer(), newBuyer()];
    expect((await purchase(api, sale, ann, { quantities: [2] })).status).toBe(202);
    expect(await left(buyer(ann))).toBe('18'); // one, and one for looking
    expect((await purchase(api, sale, bob, { quantities: [10] })).status).toBe(202);
    expect(await left(buyer(bob))).toBe('14');
    expect((await purchase(api, sale, cid, { quantities: [101] })).status).toBe(400);
    expect(await left(buyer(cid))).toBe('18');
  });
});

describe('headers', () => {
  test('when requests are counted, then every answer says of which policies, how many are left and until when', async () => {
    const [api] = await twoNodes({ RATE_LIMIT_IP: '3/1m', RATE_LIMIT_BUYER: '2/500ms' });
    const address = newAddress();
    const first = await lookAsBuyer(api, address, buyer(newBuyer()));
    expect(first.headers['ratelimit-policy']).toBe('"ip";q=3;w=60, "buyer";q=2');
    expect(first.headers['ratelimit']).toBe('"ip";r=2;t=20, "buyer";r=1;t=1');
    expect(first.headers['x-ratelimit-type']).toBeUndefined();

    const second = await api.get(sale.orders, from(address));
    expect([second.status, second.headers['ratelimit']]).toEqual([401, '"ip";r=1;t=20']);
    await look(api, address);
    const last = await look(api, address);
    expect(last).toMatchObject({ status: 429, body: { code: 'rate_limited', status: 429 } });
    expect(last.headers).toMatchObject({
      'x-ratelimit-type': 'local-ip',
      'ratelimit-policy': '"ip";q=3;w=60',
      ratelimit: '"ip";r=0;t=20',
      'retry-after': '20',
      'cache-control': 'no-store',
    });
  });

  test('when a refused client waits as long as Retry-After says, then it is let in', async () => {
    const [api] = await twoNodes({ RATE_LIMIT_IP: '1/1s' });
    const address = newAddress();
    expect((await look(api, address)).status).toBe(200);
    const refused = await look(api, address);
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '1']);
    await sleep(1000);
    expect((await look(api, address)).status).toBe(200);
  });
});

describe('addresses', () => {
  test('when X-Forwarded-For comes from a proxy that is not trusted, then it does not count', async () => {
    for (const TRUST_PROXY of ['off', '192.0.2.1, 2001:db8::/32']) {
      const [api] = await twoNodes({ RATE_LIMIT_IP: '5/1h', TRUST_PROXY });
      await system.redis.del('sluice:{limits}:ip:127.0.0.1');
      expect(passed(await Promise.all(times(20, () => look(api, newAddress()))))).toBe(5);
      expect(await system.redis.exists('sluice:{limits}:ip:127.0.0.1')).toBe(1);
    }
  });

  test('when there are several proxies, then the last address before the trusted ones counts, not what a client adds', async () => {
    const [api] = await twoNodes({ RATE_LIMIT_IP: '2/1h', TRUST_PROXY: '127.0.0.0/8, 192.0.2.0/24' });
    const address = newAddress();
    await system.redis.del('sluice:{limits}:ip:127.0.0.1');
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await look(api, `${newAddress()}, ${address}, 192.0.2.${i}`));
    expect(passed(answers)).toBe(2);
    expect(passed([await look(api, 'no address'), await look(api, '')])).toBe(2);
  });

  test('when addresses are of one IPv6 /64, then they are one; IPv4 written as IPv6 is IPv4', async () => {
    const [api] = await twoNodes({ RATE_LIMIT_IP: '10/1h' });
    const block = await Promise.all(times(30, (i) => look(api, `2001:db8:7:1:${(i * 977).toString(16)}::${i}`)));
    expect(passed(block)).toBe(10);
    expect(passed(await Promise.all(times(10, (i) => look(api, `2001:db8:7:${i + 2}::1`))))).toBe(10);
    const mapped = ['::ffff:10.255.0.1', '10.255.0.1', '::ffff:aff:1'];
    expect(passed(await Promise.all(times(30, (i) => look(api, mapped[i % 3] ?? ''))))).toBe(10);
  });
});

describe('abuse', () => {
  test('when one address floods, then Redis is hardly asked, and others are served', async () => {
    const nodes = await twoNodes({ RATE_LIMIT_IP: '20/1h', RATE_LIMIT_BUYER: '10/1s', RATE_LIMIT_GLOBAL: '20000/1s' });
    const address = newAddress();
    const before = await limitCalls();
    const answers = await Promise.all(times(3000, (i) => look(nodes[i % 2] ?? system.api, address)));
    const calls = (await limitCalls()) - before;
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 20, 429: 2980 });
    expect(answers.filter((answer) => typeOf(answer) === 'local-ip').length).toBeGreaterThan(2900);
    expect(calls).toBeLessThan(300); // those of nodes that look at outboxes and reconcile among them
    expect((await look(nodes[0], newAddress())).status).toBe(200);
  });

  test('when an address goes on after 500 refusals in a second, then its answers are held, and no others', async () => {
    const [api] = await twoNodes({ RATE_LIMIT_IP: '1/1h' });
    const address = newAddress();
    const timed = async (from: string): Promise<number> => {
      const startedAt = performance.now();
      await look(api, from);
      return performance.now() - startedAt;
    };
    const flood = Promise.all(times(1500, () => timed(address)));
    await until(async () => (await timed(address)) > 190);
    const held = timed(address);
    expect(await timed(newAddress())).toBeLessThan(190);
    expect(await held).toBeGreaterThan(190);
    await flood;
  });

  test('when one buyer comes from 1,000 addresses, then the buyer’s limit holds', async () => {
    const nodes = await twoNodes({ RATE_LIMIT_IP: '100/1s', RATE_LIMIT_BUYER: '10/1h', RATE_LIMIT_GLOBAL: '20000/1s' });
    const headers = buyer(newBuyer());
    const answers = await Promise.all(
      times(1000, (i) => lookAsBuyer(nodes[i % 2] ?? system.api, newAddress(), headers)),
    );
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 10, 429: 990 });
    expect(answers.every((answer) => [undefined, 'buyer', 'local-buyer'].includes(typeOf(answer) as string))).toBe(
      true,
    );
  });

  test('when 10,000 addresses come once each, then all are let in, and Redis forgets them', async () => {
    const nodes = await twoNodes({ RATE_LIMIT_IP: '100/1s', RATE_LIMIT_BUYER: '10/1s', RATE_LIMIT_GLOBAL: '20000/1s' });
    const answers = await Promise.all(times(10_000, (i) => look(nodes[i % 2] ?? system.api, newAddress())));
    expect(passed(answers)).toBe(10_000);
    await until(async () => (await system.redis.keys('sluice:{limits}:ip:10.*')).length < 1000);
  });
});
