import { connect, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { admin, buyer } from '../support/api-client.js';
import { expectStatus, openSale, purchase, times, type GivenSale } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const shop = 'https://shop.example';
jest.setTimeout(60_000);

let system: System;
let sale: GivenSale;
beforeAll(async () => {
  system = await startSystem({ env: { CORS_ORIGINS: `${shop},http://localhost:5173` } });
  sale = await openSale(system.api, { capacities: [1000] });
});
afterAll(() => system.stop());

describe('headers', () => {
  const guarded = {
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
  };

  test('when anything is answered, then browsers are told to do nothing with it, and not what answered', async () => {
    const answers = [
      await system.api.get('/v1/sales'),
      await system.api.get('/health/live'),
      await system.api.get('/v1/nothing'),
      await system.api.get('/v1/admin/sales'),
      await system.api.post(sale.orders, buyer('ann'), {}),
      await purchase(system.api, sale, 'ann'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 401, 400, 202]);
    for (const { headers } of answers) {
      expect(headers).toMatchObject(guarded);
      expect(headers['x-powered-by']).toBeUndefined();
      expect(headers['server']).toBeUndefined();
    }
  });

  test('when the page of the API is opened, then it may run its own scripts, and nobody may frame it', async () => {
    const page = await fetch(`${system.api.url}/docs`);
    expect(page.status).toBe(200);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    // what the policy forbids is not in it
    expect(await page.text()).not.toMatch(/<script(?![^>]*\ssrc=)[^>]*>\s*\S|\son\w+=|(?:src|href)="https?:/);
  });
});

describe('CORS', () => {
  test('when a page of a listed origin asks, then it may read the answer; of another, then not', async () => {
    for (const [origin, allowed] of [
      [shop, shop],
      ['http://localhost:5173', 'http://localhost:5173'],
      ['https://evil.example', undefined],
      [`${shop}.evil.example`, undefined],
      ['null', undefined],
    ] as const) {
      const { headers, status } = await system.api.get('/v1/sales', { origin });
      expect([status, headers['access-control-allow-origin']]).toEqual([200, allowed]);
      expect(headers['vary']).toContain('Origin');
      expect(headers['access-control-allow-credentials']).toBeUndefined();
    }
  });

  test('when a browser asks first, then it is told what may be sent, without a token', async () => {
    const ask = { origin: shop, 'access-control-request-method': 'POST' };
    const answer = await fetch(system.api.url + sale.orders, { method: 'OPTIONS', headers: ask });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe(shop);
    expect(answer.headers.get('access-control-allow-headers')).toContain('idempotency-key');
    const evil = await fetch(system.api.url + sale.orders, {
      method: 'OPTIONS',
      headers: { ...ask, origin: 'https://evil.example' },
    });
    expect(evil.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('when a path is unknown or a method wrong, then the answer is as without CORS', async () => {
    expect((await system.api.get('/v1/nothing')).status).toBe(404);
    const answer = await system.api.request('DELETE', '/v1/sales');
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET, HEAD']);
  });

  test('when no origin is listed, then no page is told anything', async () => {
    const api = await system.startApi({ CORS_ORIGINS: '' });
    const { headers } = await api.get('/v1/sales', { origin: shop });
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect((await api.request('OPTIONS', '/v1/sales', { headers: { origin: shop } })).status).toBe(405);
  });
});

describe('slow clients', () => {
  function open(lines: readonly string[] = []): Promise<Socket> {
    const { hostname, port } = new URL(system.api.url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(lines.map((line) => `${line}\r\n`).join(''));
        resolve(socket);
      });
      socket.once('error', reject);
    });
  }

  /** What comes until the other side ends it. */
  async function read(socket: Socket): Promise<string> {
    let text = '';
    socket.on('data', (data) => (text += data.toString()));
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    return text;
  }

  test('when headers and bodies trickle in, then they are cut off with 408, and others are served meanwhile', async () => {
    const head = ['POST /v1/payments/webhook HTTP/1.1', 'Host: x'];
    const slowHeaders = await Promise.all(times(20, () => open(head)));
    const { authorization = '' } = buyer('slow');
    const slowBodies = await Promise.all(
      times(20, () =>
        open([
          `POST ${sale.orders} HTTP/1.1`,
          'Host: x',
          `Authorization: ${authorization}`,
          'Content-Type: application/json',
          'Content-Length: 100',
          '',
        ]),
      ),
    );
    const trickle = setInterval(() => {
      for (const socket of slowHeaders) if (socket.writable) socket.write('X-A: b\r\n');
      for (const socket of slowBodies) if (socket.writable) socket.write(' ');
    }, 500);
    const startedAt = performance.now();
    const all = Promise.all([...slowHeaders, ...slowBodies].map(read));
    let served = 0;
    const serve = setInterval(() => {
      void purchase(system.api, sale, `quick-${served}`).then(({ status }) => (served += status === 202 ? 1 : 0));
    }, 250);
    const answers = await all;
    clearInterval(trickle);
    clearInterval(serve);
    expect(performance.now() - startedAt).toBeLessThan(27_000); // 20 s, and the check that comes each 5 s
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*application\/problem\+json/);
    expect(served).toBeGreaterThan(30);
  });

  test('when 1,000 connections are idle, then others are served as fast', async () => {
    const p99 = async (): Promise<number> => {
      const took: number[] = [];
      for (let i = 0; i < 100; i++) {
        const startedAt = performance.now();
        expectStatus(200, await system.api.get('/v1/sales'));
        took.push(performance.now() - startedAt);
      }
      return took.sort((a, b) => a - b)[98] ?? 0;
    };
    const before = await p99();
    const idle = await Promise.all(times(1000, () => open()));
    const during = await p99();
    process.stdout.write(`p99 before ${before.toFixed(1)} ms, with 1,000 idle connections ${during.toFixed(1)} ms\n`);
    expect(during).toBeLessThan(1000);
    for (const socket of idle) socket.destroy();
    const server = system.nodes[0]?.getHttpServer() as Server;
    const connections = (): Promise<number> =>
      new Promise((resolve) => {
        server.getConnections((_, count) => {
          resolve(count);
        });
      });
    await until(async () => (await connections()) < 300);
  });

  test('when there are more connections than a node may have, then the next is turned away and others go on', async () => {
    const server = system.nodes[0]?.getHttpServer() as Server;
    const usual = server.maxConnections;
    expect(usual).toBe(15_000);
    server.maxConnections = 50;
    const idle = await Promise.all(times(60, () => open().catch(() => undefined)));
    const dropped = await until(() => idle.filter((socket) => socket?.readyState !== 'open').length || false).catch(
      () => 0,
    );
    expect(dropped).toBeGreaterThan(0);
    server.maxConnections = usual;
    for (const socket of idle) socket?.destroy();
    expectStatus(200, await system.api.get('/v1/sales'));
  });
});

test('when requests carry secrets, then no log line has them', async () => {
  const secrets = ['ann.secret@example.org', 'an-idempotency-key', buyer('ann')['authorization']?.slice(7) ?? ''];
  const fields = [{ name: 'email', type: 'email', required: true, label: 'E-mail' }];
  const asking = await openSale(system.api, { buyerFields: fields });
  expectStatus(
    202,
    await purchase(system.api, asking, 'ann', { answers: { email: secrets[0] }, key: secrets[1] ?? '' }),
  );
  await purchase(system.api, asking, 'ann', { answers: { email: `${secrets[0] ?? ''} ` } });
  await system.api.get(`/v1/sales?token=${secrets[2] ?? ''}`);
  await system.api.get('/v1/admin/sales', { ...admin, 'x-request-id': secrets[0] ?? '' });
  for (const secret of secrets) expect(system.log.filter((line) => line.includes(secret))).toEqual([]);
});
