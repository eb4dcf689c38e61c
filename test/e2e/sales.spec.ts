import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { admin, buyer, operatorKey, viewerKey, type Answer, type ApiClient } from '../support/api-client.js';
import {
  draftSale,
  everyPage,
  expectStatus,
  inventoryOf,
  openSale,
  purchase,
  reconcile,
  saleBody,
  times,
  writtenOrder,
  type GivenSale,
} from '../support/given.js';
import { assertInvariants } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const operator = { authorization: `Bearer ${operatorKey}` };
const viewer = { authorization: `Bearer ${viewerKey}` };
const unknownId = '01900000-0000-7000-8000-000000000000';

/** with as much again for a busy machine */
const withinASecond = { timeoutMs: 2000 };

let system: System;
let api: ApiClient;
let other: ApiClient;
beforeAll(async () => {
  system = await startSystem({ apis: 2, env: { RECONCILE_INTERVAL_MS: '200' } });
  api = system.api;
  other = system.apis[1] ?? system.api;
});
afterAll(() => system.stop());

function keysOf({ id }: GivenSale): Promise<string[]> {
  return system.redis.keys(`sluice:{${id}}:*`);
}

function refusal(status: number, code: string): object {
  return expect.objectContaining({ status, body: expect.objectContaining({ status, code }) });
}

describe('a new sale', () => {
  test('when a sale is created, then it is a draft, and in Redis before the answer', async () => {
    const fields = [{ name: 'size', type: 'choice', required: true, label: 'Size', choices: ['S', 'L'] }];
    const body = saleBody({ capacities: [10, 20], payment: 'webhook', buyerFields: fields });
    const answer = expectStatus(201, await api.post('/v1/admin/sales', admin, body));
    const { ticketTypes, ...sale } = body as { ticketTypes: object[] };
    expect(answer.body).toMatchObject({ ...sale, status: 'draft', payment: 'webhook', soldOut: false });
    expect(answer.body.ticketTypes).toMatchObject(ticketTypes);
    expect(answer.body.ticketTypes).toMatchObject([
      { available: 10, held: 0 },
      { available: 20, held: 0 },
    ]);
    const id = answer.body.id;
    expect(answer.headers['location']).toBe(`/v1/admin/sales/${id}`);
    expect(await system.redis.hget(`sluice:{${id}}:sale`, 'status')).toBe('draft');
    expect(await system.redis.hget(`sluice:{${id}}:stock`, answer.body.ticketTypes[1]?.id ?? '')).toBe('20');
    expect(expectStatus(200, await other.get(`/v1/admin/sales/${id}`, viewer)).body.id).toBe(id);
  });

  test('when one key comes five times at once, then there is one sale', async () => {
    const body = saleBody({ name: 'Once' });
    const create = (at: ApiClient, json: unknown, headers = admin): Promise<Answer> =>
      at.post('/v1/admin/sales', { ...headers, 'idempotency-key': 'sale-1' }, json);
    const answers = await Promise.all(times(5, (i) => create(i % 2 === 0 ? api : other, body)));
    expect(answers.map(({ status }) => status)).toEqual(times(5, () => 201));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true')).toHaveLength(4);

    const id = answers[0]?.body.id;
    expectStatus(200, await api.post(`/v1/admin/sales/${id}/open`, admin));
    const replay = await create(other, Object.fromEntries(Object.entries(body).reverse()));
    expect(replay).toMatchObject({
      status: 201,
      headers: { 'idempotency-replayed': 'true' },
      body: { id, status: 'open' },
    });
    expect(await create(api, { ...body, name: 'Twice' })).toEqual(refusal(422, 'idempotency_key_reused'));
    expect(await create(api, body, operator)).toEqual(refusal(403, 'forbidden'));
  });

  test('when a sale is a draft, then nobody but admins sees it', async () => {
    const sale = await draftSale(api);
    const one = buyer('curious');
    for (const answer of [
      await api.get(`/v1/sales/${sale.id}`),
      await api.get(sale.orders, one),
      await purchase(api, sale, 'curious'),
      await api.get(`${sale.orders}/${unknownId}`, one),
      await api.post(`${sale.orders}/${unknownId}/confirm`, one),
      await api.post(`${sale.orders}/${unknownId}/cancel`, one),
    ]) {
      expect(answer).toEqual(refusal(404, 'not_found'));
    }
    const pages = await everyPage(api, '/v1/sales', {}, 200);
    expect(pages.flat().filter(({ id, status }) => id === sale.id || status === 'draft')).toEqual([]);
    // seen as soon as it is open, also by the node that just said that there is none
    expect(await other.get(`/v1/sales/${sale.id}`)).toEqual(refusal(404, 'not_found'));
    expectStatus(200, await api.post(`${sale.admin}/open`, admin));
    expectStatus(200, await api.get(`/v1/sales/${sale.id}`));
    await until(async () => (await other.get(`/v1/sales/${sale.id}`)).status === 200, withinASecond);
  });

  test('when a draft is deleted, then it is gone everywhere; an open sale cannot be', async () => {
    const draft = await draftSale(api);
    const remove = ({ admin: path }: GivenSale, headers = admin) => api.request('DELETE', path, { headers });
    expect(await keysOf(draft)).not.toEqual([]);
    expectStatus(204, await remove(draft));
    expect(await remove(draft)).toEqual(refusal(404, 'not_found'));
    expect(await api.get(draft.admin, admin)).toEqual(refusal(404, 'not_found'));
    expect(await api.post(`${draft.admin}/open`, admin)).toEqual(refusal(404, 'not_found'));
    expect(await keysOf(draft)).toEqual([]);

    const open = await openSale(api);
    expect(await remove(open)).toEqual(refusal(409, 'invalid_transition'));
    expectStatus(200, await api.post(`${open.admin}/close`, admin));
    expect(await remove(open)).toEqual(refusal(409, 'invalid_transition'));
    expectStatus(200, await api.get(`/v1/sales/${open.id}`));
  });

  test('when a sale does not exist, then every path below it says so', async () => {
    const path = `/v1/admin/sales/${unknownId}`;
    const owner = buyer('b');
    for (const answer of [
      await api.get(path, admin),
      await api.patch(path, { name: 'x' }),
      await api.post(`${path}/pause`, admin),
      await api.get(`${path}/inventory`, admin),
      await api.get(`${path}/orders`, admin),
      await api.get(`${path}/orders?status=queued`, admin),
      await api.get(`${path}/orders/${unknownId}`, admin),
      await api.post(`${path}/orders/${unknownId}/cancel`, admin),
      await api.get(`/v1/sales/${unknownId}`),
      await api.get(`/v1/sales/${unknownId}/orders`, owner),
      await api.get(`/v1/sales/${unknownId}/orders/${unknownId}`, owner),
      await api.get(`/v1/sales/${unknownId}/orders/${unknownId}?wait=30`, owner),
      await api.post(`/v1/sales/${unknownId}/orders/${unknownId}/confirm`, owner),
      await api.post(`/v1/sales/${unknownId}/orders/${unknownId}/cancel`, owner),
    ]) {
      expect(answer).toEqual(refusal(404, 'not_found'));
    }
  });
});

describe('steps', () => {
  const steps = ['open', 'pause', 'resume', 'close'] as const;
  const paths: Record<string, readonly (typeof steps)[number][]> = {
    draft: [],
    open: ['open'],
    paused: ['open', 'pause'],
    closed: ['open', 'close'],
  };
  const allowed: Record<string, Partial<Record<(typeof steps)[number], string>>> = {
    draft: { open: 'open', close: 'closed' },
    open: { pause: 'paused', close: 'closed' },
    paused: { resume: 'open', close: 'closed' },
    closed: {},
  };

  test.each(Object.keys(paths))('when a sale is %s, then only some steps are allowed', async (status) => {
    for (const step of steps) {
      const sale = await draftSale(api);
      for (const before of paths[status] ?? []) expectStatus(200, await api.post(`${sale.admin}/${before}`, admin));
      const answer = await other.post(`${sale.admin}/${step}`, admin);
      const next = allowed[status]?.[step];
      if (next === undefined) expect(answer).toEqual(refusal(409, 'invalid_transition'));
      else expect(answer).toMatchObject({ status: 200, body: { status: next } });
      expect(expectStatus(200, await api.get(sale.admin, admin)).body.status).toBe(next ?? status);
      expect(await system.redis.hget(`sluice:{${sale.id}}:sale`, 'status')).toBe(next ?? status);
    }
  });

  test('when a step comes twice at once, then one of them is refused', async () => {
    const sale = await draftSale(api);
    for (const step of ['open', 'pause', 'resume', 'close']) {
      const answers = await Promise.all([api, other].map((node) => node.post(`${sale.admin}/${step}`, admin)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    }
    await assertInvariants(system, sale);
  });

  test('when one node pauses and resumes, then buyers and visitors of the other are told within a second', async () => {
    const sale = await openSale(api);
    expectStatus(200, await other.get(`/v1/sales/${sale.id}`));
    const turns = [
      ['pause', 'paused', refusal(409, 'sale_paused')],
      ['resume', 'open', expect.objectContaining({ status: 202 })],
      ['close', 'closed', refusal(409, 'sale_closed')],
    ] as const;
    for (const [step, status, told] of turns) {
      expectStatus(200, await api.post(`${sale.admin}/${step}`, admin));
      expect(expectStatus(200, await api.get(`/v1/sales/${sale.id}`)).body.status).toBe(status);
      expect(await purchase(other, sale, 'b')).toEqual(told);
      await until(async () => (await other.get(`/v1/sales/${sale.id}`)).body.status === status, withinASecond);
    }
    await assertInvariants(system, sale);
  });
});

describe('the window', () => {
  test('when a sale opens later, then buyers are told when, and can buy from then on', async () => {
    const sale = await openSale(api, { opensAt: new Date(Date.now() + 60_000) });
    const early = await purchase(api, sale, 'b', { key: 'k' });
    expect(early).toEqual(refusal(409, 'sale_not_open'));
    expect(Number(early.headers['retry-after'])).toBeGreaterThan(50);
    expect(Number(early.headers['retry-after'])).toBeLessThanOrEqual(60);

    const soon = new Date(Date.now() + 300);
    expectStatus(200, await api.patch(sale.admin, { opensAt: soon.toISOString() }));
    const answer = await until(async () => {
      const attempt = await purchase(other, sale, 'b', { key: 'k' });
      return attempt.status === 202 && attempt;
    });
    expect(new Date(answer.body.createdAt).getTime()).toBeGreaterThanOrEqual(soon.getTime());
    await assertInvariants(system, sale);
  });

  test('when its time is over, then a sale takes no more, and the reconciler closes it', async () => {
    const [open, paused] = await Promise.all([openSale(api), openSale(api)]);
    const order = await writtenOrder(api, open, 'b', { key: 'k' });
    expectStatus(200, await api.post(`${paused.admin}/pause`, admin));
    const closesAt = new Date(Date.now() + 100);
    for (const sale of [open, paused]) {
      expectStatus(200, await other.patch(sale.admin, { closesAt: closesAt.toISOString() }));
    }
    for (const sale of [open, paused]) {
      await until(async () => (await api.get(sale.admin, admin)).body.status === 'closed');
      expect(await purchase(api, sale, 'late')).toEqual(refusal(409, 'sale_closed'));
      expect(await api.post(`${sale.admin}/resume`, admin)).toEqual(refusal(409, 'invalid_transition'));
    }
    const audit = await everyPage(api, '/v1/admin/audit', admin, 200);
    const closings = audit.flat().filter(({ action, saleId }) => action === 'sale.closed' && saleId === open.id);
    expect(closings).toMatchObject([{ actor: 'sluice' }]);
    // a claim does not depend on the sale
    expectStatus(200, await api.post(`${order.path}/confirm`, buyer('b')));
    await assertInvariants(system, open);
  });

  test('when its time is over, then no purchase is taken even before anybody closes it', async () => {
    const sale = await openSale(api, { closesAt: new Date(Date.now() - 60_000) });
    expect(await purchase(api, sale, 'late')).toEqual(refusal(409, 'sale_closed'));
  });
});

describe('changes', () => {
  test('when a draft is changed, then it takes every field', async () => {
    const sale = await draftSale(api, { capacities: [10, 20] });
    const [first, second] = sale.types;
    const patch = {
      name: 'Another concert',
      opensAt: '2030-01-01T10:00:00.000Z',
      closesAt: '2030-01-02T10:00:00.000Z',
      holdSeconds: 60,
      maxPerBuyer: 7,
      payment: 'webhook',
      buyerFields: [{ name: 'age', type: 'number', required: false, label: 'Age' }],
    };
    const ticketTypes = [{ id: first, name: 'Floor', priceMinor: 1, capacity: 5, maxPerOrder: 9 }];
    const changed = expectStatus(200, await api.patch(sale.admin, { ...patch, ticketTypes }));
    expect(changed.body).toMatchObject({ ...patch, status: 'draft' });
    expect(changed.body.ticketTypes).toMatchObject([
      { ...ticketTypes[0], available: 5 },
      { id: second, name: 'Type 2', capacity: 20 },
    ]);
    expect(expectStatus(200, await other.get(sale.admin, admin)).body.ticketTypes).toEqual(changed.body.ticketTypes);

    // types without ids replace all
    const others = [{ name: 'Box', priceMinor: 0, currency: 'CHF', capacity: 3, maxPerOrder: 1 }];
    const replaced = expectStatus(200, await api.patch(sale.admin, { ticketTypes: others }));
    expect(replaced.body.ticketTypes).toMatchObject(others);
    expect(sale.types).not.toContain(replaced.body.ticketTypes[0]?.id);

    const past = { opensAt: '2020-01-01T10:00:00.000Z' };
    expectStatus(200, await api.patch(sale.admin, { ...past, payment: 'none', buyerFields: [] }));
    expectStatus(200, await api.post(`${sale.admin}/open`, admin));
    const types = replaced.body.ticketTypes.map(({ id }) => id);
    const order = await writtenOrder(other, { ...sale, types }, 'b');
    expect(order.status).toBe('reserved');
    await assertInvariants(system, sale, { maxPerBuyer: 7 });
  });

  test('when a sale is no draft, then name, window, hold, limit and capacities change, and nothing else', async () => {
    const sale = await openSale(api, { capacities: [10, 20] });
    const [first] = sale.types;
    const before = expectStatus(200, await api.get(sale.admin, admin)).body;
    const refused: [string, object][] = [
      ['payment', { payment: 'webhook' }],
      ['buyerFields', { buyerFields: [] }],
      ['ticketTypes[0].name', { ticketTypes: [{ id: first, capacity: 11, name: 'x' }] }],
      ['ticketTypes[0].priceMinor', { ticketTypes: [{ id: first, capacity: 11, priceMinor: 1 }] }],
      ['ticketTypes[0].currency', { ticketTypes: [{ id: first, capacity: 11, currency: 'EUR' }] }],
      ['ticketTypes[0].maxPerOrder', { ticketTypes: [{ id: first, capacity: 11, maxPerOrder: 1 }] }],
      ['ticketTypes[0].id', { ticketTypes: [{ capacity: 11 }] }],
      ['ticketTypes[0].id', { ticketTypes: [{ id: unknownId, capacity: 11 }] }],
      ['ticketTypes[1].id', { ticketTypes: times(2, () => ({ id: first, capacity: 11 })) }],
      ['closesAt', { closesAt: '2020-01-01T10:00:00.000Z' }],
      ['status', { status: 'closed' }],
    ];
    for (const [path, patch] of refused) {
      const answer = await api.patch(sale.admin, { name: 'Not this', ...patch });
      expect(answer).toEqual(refusal(400, 'validation_failed'));
      expect(answer.body.errors).toMatchObject([{ path }]);
    }
    const { serverTime: _, ...rest } = before;
    expect(expectStatus(200, await other.get(sale.admin, admin)).body).toMatchObject(rest);

    const patch = { name: 'This', holdSeconds: 5, maxPerBuyer: 2, closesAt: '2035-01-01T00:00:00.000Z' };
    for (const step of ['pause', 'close', undefined]) {
      const capacity = step === 'pause' ? 11 : 12;
      const changed = await api.patch(sale.admin, { ...patch, ticketTypes: [{ id: first, capacity }] });
      expect(expectStatus(200, changed).body).toMatchObject({
        ...patch,
        ticketTypes: [{ capacity }, { capacity: 20 }],
      });
      if (step !== undefined) expectStatus(200, await api.post(`${sale.admin}/${step}`, admin));
    }
    await assertInvariants(system, sale);
  });

  test('when the limit is lowered, then it binds later orders only', async () => {
    const sale = await openSale(api, { capacities: [20], maxPerBuyer: 4 });
    await writtenOrder(api, sale, 'early', { quantities: [3] });
    expect(await purchase(api, sale, 'early', { quantities: [2] })).toMatchObject({
      status: 409,
      body: { code: 'limit_exceeded', left: 1 },
    });
    expectStatus(200, await api.patch(sale.admin, { maxPerBuyer: 2 }));
    expect(await purchase(other, sale, 'early')).toMatchObject({
      status: 409,
      body: { code: 'limit_exceeded', left: 0 },
    });
    expect(await purchase(other, sale, 'late', { quantities: [3] })).toMatchObject({ status: 409, body: { left: 2 } });
    const late = await writtenOrder(other, sale, 'late', { quantities: [2] });
    expect(late.status).toBe('reserved');
    expect(await inventoryOf(api, sale)).toMatchObject([{ available: 15, reserved: 5 }]);
    await assertInvariants(system, sale);
  });

  test('when the hold is changed, then it is that of orders written from then on', async () => {
    const sale = await openSale(api, { holdSeconds: 600 });
    const holdOf = async ({ path }: { path: string }, headers: Record<string, string>): Promise<number> => {
      const { holdExpiresAt, updatedAt } = expectStatus(200, await api.get(path, headers)).body;
      return Math.round((Date.parse(holdExpiresAt) - Date.parse(updatedAt)) / 1000);
    };
    const first = await writtenOrder(api, sale, 'a');
    expectStatus(200, await api.patch(sale.admin, { holdSeconds: 30 }));
    const second = await writtenOrder(api, sale, 'b');
    expect(await holdOf(first, { ...buyer('a') })).toBe(600);
    expect(await holdOf(second, { ...buyer('b') })).toBe(30);
    await assertInvariants(system, sale);
  });
});

describe('lists', () => {
  test.each([1, 2, 3, 200])('when sales are read %d at a time, then each comes once, newest first', async (limit) => {
    const fresh = await Promise.all([openSale(api), draftSale(api), openSale(api)]);
    for (const [path, headers] of [
      ['/v1/admin/sales', viewer],
      ['/v1/sales', {}],
    ] as const) {
      const pages = await everyPage(other, path, headers, limit);
      const ids = pages.flat().map(({ id }) => id);
      expect(ids).toEqual([...new Set(ids)].sort().reverse());
      expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
      expect(pages.at(-1)?.length).toBeGreaterThan(0);
      const seen = fresh.map(({ id }) => ids.includes(id));
      expect(seen).toEqual([true, path === '/v1/admin/sales', true]);
    }
  });

  test('when a sale is created between two pages, then no page repeats or skips one', async () => {
    await Promise.all(times(3, () => openSale(api)));
    const first = expectStatus(200, await api.get('/v1/sales?limit=2')).body;
    await openSale(api);
    const second = expectStatus(200, await api.get(`/v1/sales?limit=2&cursor=${first.nextCursor ?? ''}`)).body;
    const { rows } = await system.sql.query<{ id: string }>(
      `SELECT id FROM sales WHERE status <> 'draft' AND id <= $1 ORDER BY id DESC LIMIT 4`,
      [first.data[0]?.id],
    );
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
  });
});

test('when admins act, then the audit log says who did what and when', async () => {
  const sale = await draftSale(api, { name: 'Audited' });
  const since = Date.now();
  expectStatus(200, await api.post(`${sale.admin}/open`, operator));
  expectStatus(200, await api.post(`${sale.admin}/pause`, operator));
  expectStatus(409, await api.post(`${sale.admin}/pause`, operator));
  expectStatus(200, await api.post(`${sale.admin}/resume`, admin));
  expectStatus(200, await api.patch(sale.admin, { name: 'Changed' }));
  const order = await writtenOrder(api, sale, 'b');
  expectStatus(200, await api.post(`${sale.admin}/orders/${order.id}/cancel`, admin));
  expectStatus(200, await api.post(`${sale.admin}/close`, admin));
  const doomed = await draftSale(api);
  expectStatus(204, await api.request('DELETE', doomed.admin, { headers: admin }));

  const pages = await everyPage(other, '/v1/admin/audit', viewer, 3);
  expect(pages.slice(0, -1).every((page) => page.length === 3)).toBe(true);
  const entries = pages.flat();
  expect(new Set(entries.map(({ id }) => id)).size).toBe(entries.length);
  const about = ({ id }: GivenSale) =>
    entries.filter(({ saleId }) => saleId === id).map(({ actor, action }) => `${actor} ${action}`);
  expect(about(sale)).toEqual([
    'tester sale.closed',
    'tester order.cancelled',
    'tester sale.changed',
    'tester sale.resumed',
    'helper sale.paused',
    'helper sale.opened',
    'tester sale.created',
  ]);
  expect(about(doomed)).toEqual(['tester sale.deleted', 'tester sale.created']);
  const cancelled = entries.find(({ action, saleId }) => action === 'order.cancelled' && saleId === sale.id);
  expect(cancelled?.details).toEqual({ orderId: order.id });
  expect(Date.parse(cancelled?.at ?? '')).toBeGreaterThanOrEqual(since - 1000);
  // no key, nor anything of one
  expect(JSON.stringify(entries)).not.toContain('-key-of-');
});

test('when a key has a lesser role, then it can do what its role allows and no more', async () => {
  const sale = await openSale(api);
  const order = await writtenOrder(api, sale, 'b');
  const reads = ['/v1/admin/sales', '/v1/admin/audit', sale.admin, `${sale.admin}/inventory`, `${sale.admin}/orders`];
  for (const path of [...reads, `${sale.admin}/orders/${order.id}`]) {
    for (const headers of [viewer, operator, admin]) expectStatus(200, await api.get(path, headers));
    for (const headers of [buyer('b'), {}])
      expect(await api.get(path, headers)).toEqual(refusal(401, 'unauthenticated'));
  }
  for (const step of ['pause', 'resume']) {
    expect(await api.post(`${sale.admin}/${step}`, viewer)).toEqual(refusal(403, 'forbidden'));
    expectStatus(200, await api.post(`${sale.admin}/${step}`, operator));
  }
  for (const headers of [viewer, operator]) {
    for (const answer of [
      await api.post('/v1/admin/sales', headers, saleBody()),
      await api.patch(sale.admin, { name: 'x' }, headers),
      await api.request('DELETE', sale.admin, { headers }),
      await api.post(`${sale.admin}/close`, headers),
      await api.post(`${sale.admin}/orders/${order.id}/cancel`, headers),
      await api.post('/v1/admin/reconciliations', headers),
    ]) {
      expect(answer).toEqual(refusal(403, 'forbidden'));
    }
  }
  // an admin's key is no buyer's token
  expect(await api.get(sale.orders, admin)).toEqual(refusal(401, 'unauthenticated'));
  await assertInvariants(system, sale);
});

test('when a sale goes on, then the public figures follow within a second', async () => {
  const sale = await openSale(api, { capacities: [3, 1] });
  await writtenOrder(api, sale, 'a', { quantities: [2, 1] });
  const shows = async (figures: object): Promise<void> => {
    for (const node of [api, other]) {
      await until(async () => {
        expect(expectStatus(200, await node.get(`/v1/sales/${sale.id}`)).body).toMatchObject(figures);
        return true;
      }, withinASecond);
    }
  };
  await shows({
    soldOut: false,
    ticketTypes: [
      { available: 1, held: 2 },
      { available: 0, held: 1 },
    ],
  });
  const last = await writtenOrder(api, sale, 'b');
  expectStatus(200, await api.post(`${last.path}/confirm`, buyer('b')));
  await shows({
    soldOut: true,
    ticketTypes: [
      { available: 0, held: 2 },
      { available: 0, held: 1 },
    ],
  });
  expectStatus(200, await api.post(`${sale.admin}/orders/${last.id}/cancel`, admin));
  await shows({
    soldOut: false,
    ticketTypes: [
      { available: 1, held: 2 },
      { available: 0, held: 1 },
    ],
  });
  const { serverTime } = expectStatus(200, await api.get(`/v1/sales/${sale.id}`)).body;
  expect(Math.abs(Date.parse(serverTime) - Date.now())).toBeLessThan(5000);
  await assertInvariants(system, sale);
});

test('when an operator asks any role for its health, then it answers', async () => {
  for (const node of system.nodes) {
    const { port } = node.getHttpServer().address() as AddressInfo;
    const ask = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
    expect((await ask('/health/live')).status).toBe(200);
    const ready = await ask('/health/ready');
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({
      status: 'ok',
      checks: { redis: { status: 'up' }, postgres: { status: 'up' } },
    });
  }
  expectStatus(200, await api.get('/health/live'));
  expectStatus(200, await api.get('/health/ready'));
  const document = await fetch(`${api.url}/docs/openapi.json`);
  expect(await document.json()).toMatchObject({ openapi: '3.1.0' });
  const page = await fetch(`${api.url}/docs`);
  expect(page.headers.get('content-type')).toMatch('text/html');
});

test('when nothing is wrong, then a reconciliation does nothing', async () => {
  await until(async () => {
    const { durationMs: _, ...did } = await reconcile(api);
    expect(did).toEqual({ expired: 0, requeued: 0, returned: 0, closed: 0, reloaded: 0 });
    return true;
  });
});
