import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { admin, buyer, type Answer, type Headers } from '../support/api-client.js';
import {
  expectRefusal,
  expectStatus,
  openSale,
  purchase,
  times,
  writtenOrder,
  type GivenSale,
} from '../support/given.js';
import { assertInvariants } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { bearer, hmacToken, inSeconds } from '../support/tokens.js';
import { pay, signed, webhookPath, webhookSecret } from '../support/webhook.js';

/*
 * What somebody does who means harm, and the exact answer. Slow and idle connections: hardening.spec.ts; malformed input of
 * every kind: bad-input.spec.ts; floods: the specs of admission.
 */

let system: System;
let sale: GivenSale;
let order: { readonly id: string; readonly path: string };
beforeAll(async () => {
  const expected = { BUYER_JWT_AUDIENCE: 'tickets', BUYER_JWT_ISSUER: 'id.example' };
  system = await startSystem({ env: { PAYMENT_WEBHOOK_SECRET: webhookSecret } });
  await system.startApi(expected); // the second node asks for more of a token
  sale = await openSale(system.api, { capacities: [1000, 1000], maxPerBuyer: 4 });
  order = await writtenOrder(system.api, sale, 'ann');
});
afterAll(async () => {
  await assertInvariants(system, sale);
  await system.stop();
  expect(system.log.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
});

describe('tokens', () => {
  const claims = { sub: 'ann', aud: 'tickets', iss: 'id.example', exp: inSeconds(600) };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  test.each([
    ['is signed with another secret', hmacToken(claims, { key: 'x'.repeat(40) })],
    ['expired a minute ago', hmacToken({ ...claims, exp: inSeconds(-60) })],
    ['is not good yet', hmacToken({ ...claims, nbf: inSeconds(60) })],
    ['is for another audience', hmacToken({ ...claims, aud: 'other' })],
    ['is from another issuer', hmacToken({ ...claims, iss: 'evil.example' })],
    ['has alg none', `${part({ alg: 'none' })}.${part(claims)}.`],
    ['has alg NONE and a signature', hmacToken(claims, { header: { alg: 'NONE' } })],
    ['has a stronger hash than agreed', hmacToken(claims, { header: { alg: 'HS512' }, hash: 'sha512' })],
    ['was changed after signing', hmacToken(claims).replace(/\.[^.]+\./, `.${part({ ...claims, sub: 'bob' })}.`)],
    ['brings its own key', hmacToken(claims, { header: { jwk: { kty: 'oct', k: 'eA' } }, key: 'x' })],
  ])('when a token %s, then 401, and nothing says why', async (_, token) => {
    const [, strict] = system.apis;
    const answer = await strict?.get(order.path, bearer(token));
    if (answer === undefined) throw new Error('no second node');
    expectRefusal(answer, 401, 'unauthenticated');
    expect(answer.body.detail).toBe('Send a valid token in the header Authorization: Bearer.');
  });

  test('when the token is as it should be, or its clock is half a minute off, then it is good', async () => {
    const [, strict] = system.apis;
    for (const token of [hmacToken(claims), hmacToken({ ...claims, exp: inSeconds(-25), nbf: inSeconds(25) })]) {
      expect((await strict?.get(order.path, bearer(token)))?.status).toBe(200);
    }
  });
});

describe('what is not his', () => {
  test('when somebody guesses ids of orders, then those of others look like those that do not exist', async () => {
    const eve = buyer('eve');
    const near = times(50, (i) => order.id.slice(0, -2) + (i + 16).toString(16));
    const guesses = [order.id, ...near, ...times(20, () => newId())];
    const answers = await Promise.all(guesses.map((id) => system.api.get(`${sale.orders}/${id}`, eve)));
    const told = answers.map(({ status, body }) => JSON.stringify([status, body.code, body.detail]));
    expect(new Set(told)).toEqual(new Set([JSON.stringify([404, 'not_found', 'There is no such order.'])]));
    for (const step of ['confirm', 'cancel']) {
      expectRefusal(await system.api.post(`${order.path}/${step}`, eve), 404, 'not_found');
    }
    expect((await system.api.get(order.path, buyer('ann'))).body.status).toBe('reserved');
  });

  test("when somebody uses another buyer's idempotency key, then it is a key of his own", async () => {
    const first = expectStatus(202, await purchase(system.api, sale, 'key-ann', { key: 'shared' })).body;
    const answer = expectStatus(202, await purchase(system.api, sale, 'key-eve', { key: 'shared' }));
    expect(answer.headers['idempotency-replayed']).toBeUndefined();
    expect(answer.body.id).not.toBe(first.id);
    expect(answer.body.buyerId).toBe('key-eve');
    // nor can a buyer's name be made to run into a key
    const crossed = [
      expectStatus(202, await purchase(system.api, sale, 'a', { key: 'b:c' })).body.id,
      expectStatus(202, await purchase(system.api, sale, 'a:b', { key: 'c' })).body.id,
    ];
    expect(new Set(crossed).size).toBe(2);
  });

  test.each([
    '__proto__',
    'constructor',
    'toString',
    '@epoch',
    '*',
    '{x}',
    'a b\nc',
    "'; DROP TABLE orders; --",
    '%s%n $1 ${x}',
    '../../x',
    'é🎟\u202e',
    'x'.repeat(255),
  ])('when a buyer is called %j, then he is a buyer like others', async (name) => {
    const bought = await writtenOrder(system.api, sale, name);
    expect(bought.status).toBe('reserved');
    const own = expectStatus(200, await system.api.get(sale.orders, buyer(name))).body.data;
    expect(own.map(({ id, buyerId }) => [id, buyerId])).toEqual([[bought.id, name]]);
    const search = `${sale.admin}/orders?buyerId=${encodeURIComponent(name)}`;
    const found = expectStatus(200, await system.api.get(search, admin)).body.data;
    expect(found.map(({ id }) => id)).toEqual([bought.id]);
    const answers = `/v1/admin/buyers/${encodeURIComponent(name)}/answers`;
    expectStatus(204, await system.api.request('DELETE', answers, { headers: admin }));
    expectRefusal(await purchase(system.api, sale, name, { quantities: [4] }), 409, 'limit_exceeded');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('bombs', () => {
  const send = (raw: string | Buffer, headers: Headers = buyer('bomber')): Promise<Answer> =>
    system.api.request('POST', sale.orders, { headers: { 'content-type': 'application/json', ...headers }, raw });

  test.each<[string, string, number, string]>([
    ['is nested 5,000 deep', `${'['.repeat(5000)}${']'.repeat(5000)}`, 400, 'validation_failed'],
    ['is nested and never closed', '{"a":'.repeat(3000), 400, 'malformed_json'],
    [
      'has 1,500 unknown names',
      JSON.stringify(Object.fromEntries(times(1500, (i) => [`k${i}`, 1]))),
      400,
      'validation_failed',
    ],
    ['has a number of 10,000 digits', `{"items":${'9'.repeat(10_000)}}`, 400, 'validation_failed'],
    ['has 300 items', `{"items":[${times(300, () => '{"quantity":1}').join(',')}]}`, 400, 'validation_failed'],
    ['would poison a prototype', '{"__proto__":{"polluted":1},"items":[]}', 400, 'malformed_json'],
    ['is larger than 16 KiB', `{"items":"${'x'.repeat(16_384)}"}`, 413, 'payload_too_large'],
  ])('when the body %s, then it is refused at once, with few words', async (_, raw, status, code) => {
    const startedAt = performance.now();
    const answer = await send(raw);
    expectRefusal(answer, status, code);
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(JSON.stringify(answer.body).length).toBeLessThan(4000);
  });

  test('when there are 2,000 headers or one of 32 KiB, then 431', async () => {
    for (const bomb of [
      Object.fromEntries(times(2000, (i) => [`x-${i}`, 'y'.repeat(20)])),
      { 'x-large': 'y'.repeat(32_768) },
    ]) {
      const { status } = await system.api.get('/v1/nothing', bomb); // so broken that no route was reached
      expect(status).toBe(431);
    }
  });

  test.each([
    ['8,000 characters', `/v1/sales/${'x'.repeat(8000)}`],
    ['500 parts', `/v1/sales${'/x'.repeat(500)}`],
    ['encoded dots', '/v1/sales/%2e%2e/%2e%2e/etc/passwd'],
    ['a broken escape', '/v1/sales/%zz'],
  ])('when the path has %s, then 404', async (_, path) => {
    expectRefusal(await system.api.get(path), 404, 'not_found');
  });
});

describe('the webhook', () => {
  test('when one that was overheard is sent again, then nothing happens twice, and after five minutes it is no good', async () => {
    const paid = await openSale(system.api, { payment: 'webhook' });
    const { id, path } = await writtenOrder(system.api, paid, 'ann');
    const event = { type: 'payment.succeeded', saleId: paid.id, orderId: id, paymentReference: 'pi_1' };
    const raw = JSON.stringify(event);
    const headers = signed(raw);
    for (const _ of times(5, String)) {
      expectStatus(204, await system.api.request('POST', webhookPath, { headers, raw }));
    }
    // the order is taken back: what was overheard does not bring it to life again
    expectStatus(200, await system.api.post(`${paid.admin}/orders/${id}/cancel`, admin));
    expectStatus(204, await system.api.request('POST', webhookPath, { headers, raw }));
    expect((await system.api.get(path, buyer('ann'))).body.status).toBe('cancelled');
    const { rows } = await system.sql.query('SELECT FROM payments WHERE order_id = $1', [id]);
    expect(rows).toHaveLength(1);

    const old = signed(raw, { at: inSeconds(-301) });
    expectRefusal(await system.api.request('POST', webhookPath, { headers: old, raw }), 401, 'unauthenticated');
    // nor can its signature be used for another order
    const other = raw.replace(id, order.id);
    expectRefusal(await system.api.request('POST', webhookPath, { headers, raw: other }), 401, 'unauthenticated');
    await assertInvariants(system, paid);
  });

  test('when a buyer or an admin sends one without the secret, then 401', async () => {
    const raw = JSON.stringify({ type: 'payment.succeeded' });
    for (const token of [admin, buyer('ann')]) {
      const headers = { ...token, 'content-type': 'application/json' };
      expectRefusal(await system.api.request('POST', webhookPath, { headers, raw }), 401, 'unauthenticated');
    }
  });

  test("when it names another sale's order, then 404", async () => {
    const other = await openSale(system.api);
    const answer = await pay(system.api, { saleId: other.id, orderId: order.id, paymentReference: 'pi_1' });
    expectRefusal(answer, 404, 'not_found');
  });
});
