import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { admin, adminKey, operatorKey, viewerKey, type Headers } from '../support/api-client.js';
import { draftSale, expectStatus, openSale, saleBody, writtenOrder, type GivenSale } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { bearer } from '../support/tokens.js';

let system: System;
let sale: GivenSale;
beforeAll(async () => {
  system = await startSystem();
  sale = await openSale(system.api);
});
afterAll(() => system.stop());

type Role = 'viewer' | 'operator' | 'admin';
const ranks: readonly Role[] = ['viewer', 'operator', 'admin'];
const keys: Readonly<Record<Role, Headers>> = {
  viewer: bearer(viewerKey),
  operator: bearer(operatorKey),
  admin: bearer(adminKey),
};
const nobody = '01890000-0000-7000-8000-000000000000';

/** Every route of admins, with the least role that it needs. */
const routes: readonly (readonly [string, Role])[] = [
  ['POST /v1/admin/sales', 'admin'],
  ['GET /v1/admin/sales', 'viewer'],
  ['GET /v1/admin/sales/{saleId}', 'viewer'],
  ['PATCH /v1/admin/sales/{saleId}', 'admin'],
  ['DELETE /v1/admin/sales/{saleId}', 'admin'],
  ['POST /v1/admin/sales/{saleId}/open', 'operator'],
  ['POST /v1/admin/sales/{saleId}/pause', 'operator'],
  ['POST /v1/admin/sales/{saleId}/resume', 'operator'],
  ['POST /v1/admin/sales/{saleId}/close', 'admin'],
  ['GET /v1/admin/sales/{saleId}/inventory', 'viewer'],
  ['GET /v1/admin/sales/{saleId}/events', 'viewer'],
  ['GET /v1/admin/sales/{saleId}/orders', 'viewer'],
  ['GET /v1/admin/sales/{saleId}/orders/{orderId}', 'viewer'],
  ['POST /v1/admin/sales/{saleId}/orders/{orderId}/cancel', 'admin'],
  ['POST /v1/admin/reconciliations', 'admin'],
  ['GET /v1/admin/dead-letters', 'viewer'],
  ['POST /v1/admin/dead-letters/{id}/retry', 'admin'],
  ['DELETE /v1/admin/dead-letters/{id}', 'admin'],
  ['GET /v1/admin/refunds', 'viewer'],
  ['DELETE /v1/admin/buyers/{buyerId}/answers', 'admin'],
  ['GET /v1/admin/audit', 'viewer'],
  ['POST /v1/admin/session', 'viewer'],
  ['GET /v1/admin/session', 'viewer'],
  ['DELETE /v1/admin/session', 'viewer'],
];

/** Asks for a route, with ids of nothing and no body. */
function ask(route: string, headers: Headers): Promise<number> {
  const [method = '', path = ''] = route.split(' ');
  return system.api.request(method, path.replace(/\{\w+\}/g, nobody), { headers }).then(({ status }) => status);
}

describe('roles', () => {
  test('when a route of admins is documented, then its role is in the table', () => {
    const document = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')) as {
      paths: Record<string, object>;
    };
    const documented = Object.entries(document.paths).flatMap(([path, item]) =>
      path.startsWith('/v1/admin/') ? Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`) : [],
    );
    expect(documented.sort()).toEqual(routes.map(([route]) => route).sort());
  });

  test.each(routes)('when %s is asked for, then only %s and higher are let in', async (route, least) => {
    expect(await ask(route, {})).toBe(401);
    expect(await ask(route, bearer('x'.repeat(32)))).toBe(401);
    for (const role of ranks) {
      const status = await ask(route, keys[role]);
      if (ranks.indexOf(role) < ranks.indexOf(least)) expect([role, status]).toEqual([role, 403]);
      else expect([200, 201, 204, 400, 404]).toContain(status);
    }
  });
});

describe('the audit log', () => {
  interface Deed {
    readonly name: string;
    readonly action: string;
    /** prepares what it is done to. @returns the request */
    readonly given: () => Promise<readonly [method: string, path: string, json?: unknown]>;
  }

  async function poisoned(): Promise<string> {
    const { id } = await writtenOrder(system.api, sale, 'poisoned');
    await system.sql.query(
      `INSERT INTO dead_letters (id, sale_id, payload, error, attempts) VALUES ($1, $2, '{"buyerId":"poisoned"}', 'no', 5)`,
      [id, sale.id],
    );
    return id;
  }

  const deeds: readonly Deed[] = [
    { name: 'creates a sale', action: 'sale.created', given: async () => ['POST', '/v1/admin/sales', saleBody()] },
    {
      name: 'changes a sale',
      action: 'sale.changed',
      given: async () => ['PATCH', (await draftSale(system.api)).admin, { name: 'Other' }],
    },
    {
      name: 'deletes a draft',
      action: 'sale.deleted',
      given: async () => ['DELETE', (await draftSale(system.api)).admin],
    },
    {
      name: 'opens a sale',
      action: 'sale.opened',
      given: async () => ['POST', `${(await draftSale(system.api)).admin}/open`],
    },
    {
      name: 'pauses a sale',
      action: 'sale.paused',
      given: async () => ['POST', `${(await openSale(system.api)).admin}/pause`],
    },
    {
      name: 'resumes a sale',
      action: 'sale.resumed',
      given: async () => {
        const paused = await openSale(system.api);
        expectStatus(200, await system.api.post(`${paused.admin}/pause`, admin));
        return ['POST', `${paused.admin}/resume`];
      },
    },
    {
      name: 'closes a sale',
      action: 'sale.closed',
      given: async () => ['POST', `${(await openSale(system.api)).admin}/close`],
    },
    {
      name: 'cancels an order',
      action: 'order.cancelled',
      given: async () => ['POST', `${sale.admin}/orders/${(await writtenOrder(system.api, sale, 'ann')).id}/cancel`],
    },
    {
      name: 'asks for a reconciliation',
      action: 'reconciliation.requested',
      given: async () => ['POST', '/v1/admin/reconciliations'],
    },
    { name: 'signs in', action: 'session.begun', given: async () => ['POST', '/v1/admin/session'] },
    { name: 'signs out', action: 'session.ended', given: async () => ['DELETE', '/v1/admin/session'] },
    {
      name: 'retries a dead letter',
      action: 'dead-letter.retried',
      given: async () => ['POST', `/v1/admin/dead-letters/${await poisoned()}/retry`],
    },
    {
      name: 'discards a dead letter',
      action: 'dead-letter.discarded',
      given: async () => ['DELETE', `/v1/admin/dead-letters/${await poisoned()}`],
    },
    {
      name: "erases a buyer's answers",
      action: 'buyer.answers-erased',
      given: async () => ['DELETE', '/v1/admin/buyers/ann/answers'],
    },
  ];

  test('when a route changes something, then it is in the table', () => {
    expect(deeds).toHaveLength(routes.filter(([route]) => !route.startsWith('GET')).length);
  });

  test.each(deeds)('when an admin $name, then it is written down once, with his name', async ({ action, given }) => {
    const [method, path, json] = await given();
    const countBefore = await countOf(action);
    const answer = await system.api.request(method, path, { headers: admin, ...(json === undefined ? {} : { json }) });
    expect(answer.status).toBeLessThan(300);
    expect(await countOf(action)).toBe(countBefore + 1);
    const { data } = expectStatus(200, await system.api.get('/v1/admin/audit?limit=20', admin)).body;
    expect(data.find((entry) => entry.action === action)?.actor).toBe('tester');
  });

  async function countOf(action: string): Promise<number> {
    const { rows } = await system.sql.query('SELECT FROM audit_log WHERE action = $1', [action]);
    return rows.length;
  }
});

describe('keys', () => {
  const makeKey = async (...args: string[]): Promise<[key: string, entry: string]> => {
    const path = new URL('../../src/cli/admin-key.ts', import.meta.url).pathname;
    const loader = new URL('../support/typescript.mjs', import.meta.url).href;
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', loader, path, ...args]);
    const [key = '', entry = ''] = stdout.trim().split('\n');
    return [key, entry];
  };

  test('when a key is made, then the environment holds its hash only, and two of one name let both in', async () => {
    const [old, oldEntry] = await makeKey('ops', 'viewer');
    const [young, youngEntry] = await makeKey('ops', 'viewer');
    expect(oldEntry).toBe(`ops:viewer:sha256:${createHash('sha256').update(old).digest('hex')}`);
    expect(old.length).toBeGreaterThanOrEqual(43);
    expect(young).not.toBe(old);

    const api = await system.startApi({ ADMIN_API_KEYS: `${oldEntry},${youngEntry}` });
    for (const key of [old, young]) {
      expectStatus(200, await api.get('/v1/admin/sales', bearer(key)));
      expectStatus(403, await api.post('/v1/admin/sales', bearer(key), saleBody()));
    }
    const hash = oldEntry.split(':').at(-1) ?? '';
    expectStatus(401, await api.get('/v1/admin/sales', bearer(hash))); // what the environment holds is no key
    expectStatus(401, await api.get('/v1/admin/sales', admin));
  });

  test.each([[], ['a b'], ['ops', 'root'], ['ops', 'admin', 'more']])(
    'when a key is asked for with %j, then the way to ask is told',
    async (...args: string[]) => {
      await expect(makeKey(...args)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('usage:') });
    },
  );
});
