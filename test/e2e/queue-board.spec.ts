import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { admin, viewerKey } from '../support/api-client.js';
import { expectStatus, openSale, purchase } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const viewer = { authorization: `Bearer ${viewerKey}` };
let system: System;
beforeAll(async () => {
  system = await startSystem({ workers: 0, reconcilers: 0 });
});
afterAll(() => system.stop());

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${system.api.url}/admin/queues${path}`, { redirect: 'manual', ...init });

test.each(['', '/', '/api/queues', '/static/favicon.ico', '/queue/orders'])(
  'when nobody says who he is, then %p is not shown',
  async (path) => {
    for (const headers of [{}, { authorization: 'Bearer not-the-key-of-an-administrator' }]) {
      const response = await ask(path, { headers });
      expect(response.status).toBe(401);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
    }
  },
);

test('when a viewer asks, then the page and its files come, and may load nothing from elsewhere', async () => {
  const response = await ask('', { headers: viewer });
  expect(response.status).toBe(200);
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(response.headers.get('cache-control')).toBe('no-store');
  const page = await response.text();
  expect(page).toContain('<base href="/admin/queues/"');
  const files = [...page.matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map(([, file = '']) => file);
  expect(files.length).toBeGreaterThan(2);
  for (const file of files) {
    const { status, headers } = await ask(`/${file}`, { headers: viewer });
    expect({ file, status }).toEqual({ file, status: 200 });
    expect(headers.get('content-type')).toMatch(/javascript|css|image/);
  }
});

test('when orders wait for a worker, then their job is seen, and it says of nobody anything', async () => {
  const sale = await openSale(system.api);
  const { body: order } = expectStatus(202, await purchase(system.api, sale, 'somebody'));
  await until(async () => {
    const response = await ask('/api/queues?activeQueue=orders&status=waiting&page=1', { headers: admin });
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).toContain(order.id);
    expect(text).not.toContain('somebody');
    return true;
  });
});

test.each(['/api/queues/orders/add', '/api/queues/pause', '/api/queues/orders/empty', '/api/queues/orders/obliterate'])(
  'when an admin wants to change something by %p, then there is no such method',
  async (path) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const { status } = await ask(path, { method, headers: admin });
      expect({ method, status }).toEqual({ method, status: 405 });
    }
  },
);

test('when there is no such file or queue, then that is what is answered, and nothing of the inside', async () => {
  for (const path of ['/static/nothing.js', '/static/..%2f..%2fpackage.json', '/api/queues/nothing/1']) {
    const response = await ask(path, { headers: viewer });
    expect({ path, status: response.status }).toEqual({ path, status: 404 });
    expect(await response.text()).not.toMatch(/node_modules|stack|Error:/);
  }
});
