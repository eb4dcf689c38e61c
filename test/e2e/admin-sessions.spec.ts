import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { admin, type Headers, viewerKey } from '../support/api-client.js';
import { expectRefusal, expectStatus, saleBody } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { bearer } from '../support/tokens.js';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const path = '/v1/admin/session';

interface Session {
  readonly setCookie: string;
  /** what the browser sends with every request */
  readonly cookie: Headers;
  /** and what it adds where a page of ours does something */
  readonly own: Headers;
}

async function signIn(headers: Headers = admin): Promise<Session> {
  const answer = await system.api.post(path, headers);
  expectStatus(201, answer);
  const setCookie = String(answer.headers['set-cookie']);
  const cookie = { cookie: `theme=dark; ${setCookie.split(';')[0] ?? ''}` };
  return { setCookie, cookie, own: { ...cookie, origin: system.api.url } };
}

test('when an administrator signs in, then a cookie that no script can read is as good as his key', async () => {
  const { setCookie, cookie, own } = await signIn();
  expect(setCookie).toMatch(/^sluice_admin=[\w-]{43}; Max-Age=28800; Path=\/; HttpOnly; SameSite=Strict$/);
  expect(expectStatus(200, await system.api.get(path, cookie)).body).toEqual({ name: 'tester', role: 'admin' });
  expectStatus(200, await system.api.get('/v1/admin/sales', cookie));
  expectStatus(201, await system.api.post('/v1/admin/sales', own, saleBody()));
});

test('when he has the role of a viewer, then the cookie lets him do no more', async () => {
  const { own } = await signIn(bearer(viewerKey));
  expectStatus(200, await system.api.get('/v1/admin/sales', own));
  expectRefusal(await system.api.post('/v1/admin/sales', own, saleBody()), 403, 'forbidden');
});

test('when a page of another site sends the cookie along, then nothing is changed', async () => {
  const { cookie } = await signIn();
  for (const origin of [
    undefined,
    'null',
    'https://evil.example',
    `${system.api.url}0`,
    system.api.url.replace('//', '//x.'),
  ]) {
    const headers = { ...cookie, ...(origin === undefined ? {} : { origin }) };
    expectRefusal(await system.api.post('/v1/admin/sales', headers, saleBody()), 403, 'forbidden');
    expectRefusal(await system.api.request('DELETE', path, { headers }), 403, 'forbidden');
  }
  expectStatus(200, await system.api.get(path, cookie));
});

test('when he signs out, then no copy of the cookie is good any more', async () => {
  const { own } = await signIn();
  const answer = await system.api.request('DELETE', path, { headers: own });
  expect([answer.status, answer.headers['set-cookie']]).toEqual([
    204,
    expect.stringMatching(/^sluice_admin=; Max-Age=0;/),
  ]);
  expectRefusal(await system.api.get(path, own), 401, 'unauthenticated');
});

test('when a session would begin another, then it is refused: what is copied ends when it was to end', async () => {
  const { own } = await signIn();
  expectRefusal(await system.api.post(path, own), 401, 'unauthenticated');
  expectStatus(201, await system.api.post(path, { ...own, ...admin }));
});

test('when the key that a session began with is taken away, then the session is over', async () => {
  const key = 'the-key-of-somebody-who-leaves';
  const before = await system.startApi({ ADMIN_API_KEYS: `leaver:${key}` });
  const answer = await before.post(path, bearer(key));
  const cookie = { cookie: String(answer.headers['set-cookie']).split(';')[0] ?? '' };
  expectStatus(200, await before.get(path, cookie));
  // another node, which knows the key no more
  expectRefusal(await system.api.get(path, cookie), 401, 'unauthenticated');
});

test('when the cookie is made up, or a buyer sends it, then 401', async () => {
  const { cookie } = await signIn();
  for (const made of ['sluice_admin=', 'sluice_admin=AAAA', 'sluice_admin=%00', `sluice_admin=${'x'.repeat(4000)}`]) {
    expectRefusal(await system.api.get(path, { cookie: made }), 401, 'unauthenticated');
  }
  expectRefusal(await system.api.get(path, { ...cookie, ...bearer('x'.repeat(32)) }), 401, 'unauthenticated');
  expectRefusal(
    await system.api.get('/v1/sales/01890000-0000-7000-8000-000000000000/orders', cookie),
    401,
    'unauthenticated',
  );
});

test('when Redis reads its memory aloud, then there is neither token nor key', async () => {
  const { cookie } = await signIn();
  const token = (cookie['cookie'] ?? '').split('sluice_admin=')[1] ?? 'none';
  const names = await system.redis.keys('sluice:admin-session:*');
  const values = await system.redis.mget(names);
  expect(names.length).toBeGreaterThan(0);
  expect(JSON.stringify([names, values])).not.toContain(token);
  expect(JSON.stringify([names, values])).not.toContain((admin['authorization'] ?? '').slice(7));
});
