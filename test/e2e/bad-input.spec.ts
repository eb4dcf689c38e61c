import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT, type GenerateKeyPairResult } from 'jose';
import {
  admin,
  adminKey,
  buyer,
  operatorKey,
  viewerKey,
  type Answer,
  type ApiClient,
  type RequestOptions,
} from '../support/api-client.js';
import {
  draftSale,
  expectStatus,
  openSale,
  purchase,
  saleBody,
  times,
  writtenOrder,
  type GivenSale,
} from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { bearer, hmacToken, inSeconds } from '../support/tokens.js';
import { until } from '../support/until.js';

const unknownId = '01890000-0000-7000-8000-000000000000';
const json = { 'content-type': 'application/json' };
const ann = buyer('ann');

let system: System;
let sale: GivenSale;
let other: GivenSale;
let asking: GivenSale;
/** an order of ann's, and its path */
let order: { id: string; path: string };

beforeAll(async () => {
  system = await startSystem();
  sale = await openSale(system.api, { capacities: [1000, 1000], maxPerBuyer: 1000 });
  other = await openSale(system.api);
  asking = await openSale(system.api, { capacities: [1000], maxPerBuyer: 1000, buyerFields: everyField });
  order = await writtenOrder(system.api, sale, 'ann');
});
afterAll(async () => {
  await system.stop();
  expect(system.log.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
});

/** Text that is sent as it is. */
class Raw {
  constructor(readonly text: string | Buffer) {}
}
const raw = (text: string | Buffer): Raw => new Raw(text);
/** The item of a valid purchase, with something else in it. */
const item = (fields: object = {}): object => ({ ticketTypeId: sale.types[0], quantity: 1, ...fields });
const items = (fields: object): object => ({ items: [item(fields)] });
/** A valid purchase as text, with something else for the quantity. */
const quantity = (text: string): Raw => raw(`{"items":[{"ticketTypeId":"${sale.types[0]}","quantity":${text}}]}`);

function send(method: string, path: string, body: unknown, headers: RequestOptions['headers'] = ann): Promise<Answer> {
  if (!(body instanceof Raw))
    return system.api.request(method, path, { headers, ...(body === undefined ? {} : { json: body }) });
  return system.api.request(method, path, { headers: { ...json, ...headers }, raw: body.text });
}

/** Asserts that it is this problem, in full: an answer that the OpenAPI document does not have has failed before. */
function expectProblem(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body.code]).toEqual([status, code]);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.ts:|\bat .*:\d+|SELECT|INSERT|sluice:\{/);
  if (status === 503) expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
}

describe('the body of a purchase', () => {
  const deep = (open: string, close: string, levels: number): string => open.repeat(levels) + close.repeat(levels);
  const answers = (text: string): Raw =>
    raw(`{"items":[{"ticketTypeId":"${sale.types[0]}","quantity":1}],"answers":${text}}`);

  test.each<[string, () => unknown, string?]>([
    ['an empty object', () => ({})],
    ['a list', () => []],
    ['null', () => null],
    ['a number', () => 7],
    ['a text', () => 'items'],
    ['true', () => true],
    ['nothing', () => undefined],
    ['empty', () => raw('')],
    ['blank', () => raw('  \n'), 'malformed_json'],
    ['items null', () => ({ items: null })],
    ['items a text', () => ({ items: 'x' })],
    ['items a number', () => ({ items: 1 })],
    ['items an object', () => ({ items: { 0: item(), length: 1 } })],
    ['no items', () => ({ items: [] })],
    ['11 items', () => ({ items: times(11, () => item()) })],
    ['1,000 items', () => ({ items: times(1000, () => 0) })],
    ['an item that is null', () => ({ items: [null] })],
    ['an item that is a list', () => ({ items: [[]] })],
    ['an item that is a text', () => ({ items: [sale.types[0]] })],
    ['an item that is empty', () => ({ items: [{}] })],
    ['a ticket type that is null', () => items({ ticketTypeId: null })],
    ['a ticket type that is a number', () => items({ ticketTypeId: 7 })],
    ['a ticket type that is a list', () => items({ ticketTypeId: [sale.types[0]] })],
    ['a ticket type in capitals', () => items({ ticketTypeId: sale.types[0]?.toUpperCase() })],
    ['a ticket type in braces', () => items({ ticketTypeId: `{${sale.types[0]}}` })],
    ['a ticket type with a line after it', () => items({ ticketTypeId: `${sale.types[0]}\n` })],
    ['a ticket type that is empty', () => items({ ticketTypeId: '' })],
    ['a ticket type that is unknown', () => items({ ticketTypeId: unknownId })],
    ["another sale's ticket type", () => items({ ticketTypeId: other.types[0] })],
    ['a ticket type twice', () => ({ items: [item(), item()] })],
    ['no quantity', () => items({ quantity: undefined })],
    ['a quantity that is null', () => items({ quantity: null })],
    ['a quantity in quotes', () => items({ quantity: '1' })],
    ['a quantity that is true', () => items({ quantity: true })],
    ['a quantity that is a list', () => items({ quantity: [1] })],
    ['a quantity that is an object', () => items({ quantity: { valueOf: 1 } })],
    ['a quantity of 0', () => items({ quantity: 0 })],
    ['a quantity of -0', () => quantity('-0')],
    ['a quantity of -1', () => items({ quantity: -1 })],
    ['a quantity of 1.5', () => items({ quantity: 1.5 })],
    ['a quantity of 1e-7', () => quantity('1e-7')],
    ['more than maxPerOrder', () => items({ quantity: 5 })],
    ['a quantity of 101', () => items({ quantity: 101 })],
    ['a quantity of 2^31', () => items({ quantity: 2 ** 31 })],
    ['a quantity of MAX_SAFE_INTEGER', () => items({ quantity: Number.MAX_SAFE_INTEGER })],
    ['a quantity of MAX_SAFE_INTEGER + 1', () => quantity('9007199254740992')],
    ['a quantity of 1e400', () => quantity('1e400')],
    ['a quantity of -1e400', () => quantity('-1e400')],
    ['a quantity of 10,000 digits', () => quantity('9'.repeat(10_000))],
    ['a quantity of NaN', () => quantity('NaN'), 'malformed_json'],
    ['a quantity of Infinity', () => quantity('Infinity'), 'malformed_json'],
    ['a quantity of 0x1', () => quantity('0x1'), 'malformed_json'],
    ['a quantity of 01', () => quantity('01'), 'malformed_json'],
    ['a quantity of +1', () => quantity('+1'), 'malformed_json'],
    ['an unknown field', () => ({ ...items({}), coupon: 'x' })],
    ['a price', () => items({ unitPriceMinor: 0 })],
    ["a buyer's id", () => ({ ...items({}), buyerId: 'bob' })],
    ['a field called toString', () => ({ ...items({}), toString: 1 })],
    ['a field called constructor', () => ({ ...items({}), constructor: 1 })],
    ['an item with a field called hasOwnProperty', () => items({ hasOwnProperty: 1 })],
    ['__proto__', () => raw('{"__proto__":{"items":[]}}'), 'malformed_json'],
    ['__proto__ in an item', () => raw('{"items":[{"__proto__":{"quantity":1}}]}'), 'malformed_json'],
    ['__proto__ in escapes', () => raw('{"\\u005f\\u005fproto\\u005f\\u005f":1}'), 'malformed_json'],
    ['constructor.prototype', () => raw('{"constructor":{"prototype":{"x":1}}}'), 'malformed_json'],
    ['answers null', () => ({ ...items({}), answers: null })],
    ['answers a list', () => ({ ...items({}), answers: [] })],
    ['answers a text', () => ({ ...items({}), answers: 'email' })],
    ['answers of a sale that asks nothing', () => ({ ...items({}), answers: { email: 'a@b.example' } })],
    ['answers called __proto__', () => answers('{"__proto__":"x"}'), 'malformed_json'],
    ['answers called constructor', () => answers('{"constructor":"x"}')],
    ['answers called nothing', () => answers('{"":"x"}')],
    ['U+0000 in an answer', () => answers('{"a":"\\u0000"}')],
    ['U+0000 in the name of an answer', () => answers('{"a\\u0000":"x"}')],
    ['a lone high surrogate in an answer', () => answers('{"a":"x\\ud800"}')],
    ['a lone low surrogate in the name of an answer', () => answers('{"\\udc00":1}')],
    ['surrogates in the wrong order', () => answers('{"a":"\\udc00\\ud800"}')],
    ['U+0000 deep in an answer', () => answers('{"a":[{"b":"\\u0000"}]}')],
    ['U+0000 in a field that is unknown', () => raw('{"\\u0000":1}')],
    ['1e400 in an answer', () => answers('{"a":1e400}')],
    ['U+0000 as it is', () => answers('{"a":"\0"}'), 'malformed_json'],
    ['a line break in a text', () => answers('{"a":"\n"}'), 'malformed_json'],
    ['lists 8,000 levels deep', () => raw(deep('[', ']', 8000))],
    ['objects 2,700 levels deep', () => raw(`${'{"a":'.repeat(2700)}1${'}'.repeat(2700)}`)],
    ['answers 2,000 levels deep', () => answers(`${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`)],
    ['16,000 brackets that never close', () => raw('['.repeat(16_000)), 'malformed_json'],
    ['3,000 unknown fields', () => Object.fromEntries(times(1500, (i) => [`f${i}`, 1]))],
    ['truncated', () => raw('{"items":[{"ticketTypeId"'), 'malformed_json'],
    ['one text too many', () => raw('{"items":[]}}'), 'malformed_json'],
    ['two bodies', () => raw('{"items":[]}{"items":[]}'), 'malformed_json'],
    ['in single quotes', () => raw("{'items':[]}"), 'malformed_json'],
    ['with a comment', () => raw('{"items":[]/* */}'), 'malformed_json'],
    ['with a trailing comma', () => raw('{"items":[],}'), 'malformed_json'],
    ['no JSON', () => raw('items=1'), 'malformed_json'],
    ['bytes that are no UTF-8', () => raw(Buffer.from([0x22, 0xff, 0x22])), 'malformed_json'],
    ['an overlong byte sequence', () => raw(Buffer.from([0x22, 0xc0, 0xaf, 0x22])), 'malformed_json'],
    ['a surrogate in UTF-8', () => raw(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])), 'malformed_json'],
    ['half a character', () => raw(Buffer.from([0x22, 0xe2, 0x82])), 'malformed_json'],
    ['UTF-16', () => raw(Buffer.from('{"items":[]}', 'utf16le')), 'malformed_json'],
    ['gzip', () => raw(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])), 'malformed_json'],
  ])('when it is %s, then 400', async (_, body, code = 'validation_failed') => {
    const answer = await send('POST', sale.orders, body());
    expectProblem(answer, 400, code);
    // what the compiled schema refuses, the DTO refuses too: it says what is wrong
    expect(answer.body.detail).not.toBe('The body is not valid.');
  });

  test('when it begins with a byte order mark, or has a name twice, then it is read as JSON.parse reads it', async () => {
    const text = JSON.stringify(items({}));
    expectStatus(202, await send('POST', sale.orders, raw(`\ufeff${text}`)));
    expectStatus(202, await send('POST', sale.orders, raw(text.replace('{', '{"items":null,'))));
  });

  test('when there was __proto__ in it, then no object has it', async () => {
    await send('POST', sale.orders, raw('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('when several fields are wrong, then each is named', async () => {
    const { body } = await send('POST', sale.orders, { items: [{ ticketTypeId: 7, quantity: '1' }], answers: [] });
    expect(body.errors.map(({ path }) => path)).toEqual(['answers', 'items[0].ticketTypeId', 'items[0].quantity']);
  });
});

describe('media types and sizes', () => {
  test.each([
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/problem+json',
    'application/merge-patch+json',
    'application/json, text/plain',
    'application/jsonp',
    'application/json; charset=latin1',
    'application/json; charset=utf-16',
    'application/json; charset=""',
    'application',
    'application/json\t/x',
    '*/*',
    '',
  ])('when the type is %p, then 415', async (type) => {
    expectProblem(
      await send('POST', sale.orders, items({}), { ...ann, 'content-type': type }),
      415,
      'unsupported_media_type',
    );
  });

  test('when a body has no type, then 415', async () => {
    const answer = await system.api.request('POST', sale.orders, { headers: ann, raw: JSON.stringify(items({})) });
    expectProblem(answer, 415, 'unsupported_media_type');
  });

  test.each([
    'application/json;charset=utf-8',
    'application/json; charset=UTF-8',
    'APPLICATION/JSON; Charset="utf-8"',
    'application/json;',
  ])('when the type is %p, then it is read', async (type) => {
    expectStatus(202, await send('POST', sale.orders, items({}), { ...ann, 'content-type': type }));
  });

  test.each(['gzip', 'br', 'deflate', 'gzip, identity', 'nonsense'])(
    'when the encoding is %s, then 415',
    async (encoding) => {
      const answer = await send('POST', sale.orders, items({}), { ...ann, 'content-encoding': encoding });
      expectProblem(answer, 415, 'unsupported_media_type');
    },
  );

  const padded = (body: object, bytes: number): string => JSON.stringify(body).padEnd(bytes, ' ');

  test('when a buyer sends 16 KiB, then it is read; a byte more is 413', async () => {
    expectStatus(202, await send('POST', sale.orders, raw(padded(items({}), 16_384))));
    expectProblem(await send('POST', sale.orders, raw(padded(items({}), 16_385))), 413, 'payload_too_large');
    expectProblem(await send('POST', `${order.path}/confirm`, raw(padded({}, 16_385))), 413, 'payload_too_large');
  });

  test('when an admin sends 256 KiB, then it is read; a byte more is 413', async () => {
    expectStatus(201, await send('POST', '/v1/admin/sales', raw(padded(saleBody(), 262_144)), admin));
    expectProblem(
      await send('POST', '/v1/admin/sales', raw(padded(saleBody(), 262_145)), admin),
      413,
      'payload_too_large',
    );
    expectProblem(await send('PATCH', other.admin, raw(padded({}, 262_145)), admin), 413, 'payload_too_large');
  });

  test('when the length is not said, then the limits are the same', async () => {
    const chunked = (bytes: number): Promise<Answer> => {
      const text = padded(items({}), bytes);
      const body = Readable.from([text.slice(0, 5000), text.slice(5000)].map((part) => Buffer.from(part)));
      return system.api.request('POST', sale.orders, { headers: { ...ann, ...json }, raw: body });
    };
    expectStatus(202, await chunked(16_384));
    expectProblem(await chunked(16_385), 413, 'payload_too_large');
    expectProblem(await chunked(1_000_000), 413, 'payload_too_large');
  });

  test('when a route takes no body, then a field or another type is refused', async () => {
    expectStatus(409, await send('POST', `${other.admin}/open`, {}, admin)); // as if there were none
    expectProblem(await send('POST', `${other.admin}/open`, { force: true }, admin), 400, 'validation_failed');
    expectProblem(await send('POST', `${order.path}/cancel`, []), 400, 'validation_failed');
    expectProblem(await send('POST', `${order.path}/cancel`, raw('{'), ann), 400, 'malformed_json');
    const text = { headers: { ...ann, 'content-type': 'text/plain' }, raw: 'x' };
    expectProblem(await system.api.request('POST', `${order.path}/cancel`, text), 415, 'unsupported_media_type');
  });
});

describe('headers and queries', () => {
  test.each<[string, string | string[]]>([
    ['empty', ''],
    ['blank', '  '],
    ['256 characters long', 'x'.repeat(256)],
    ['not ASCII', 'clé'],
    ['with a tab', 'a\tb'],
    ['there twice', ['a', 'b']],
    ['there twice, the same', ['a', 'a']],
  ])('when the Idempotency-Key is %s, then 400', async (_, key) => {
    expectProblem(
      await send('POST', sale.orders, items({}), { ...ann, 'idempotency-key': key }),
      400,
      'validation_failed',
    );
    const creation = await send('POST', '/v1/admin/sales', saleBody(), { ...admin, 'idempotency-key': key });
    expectProblem(creation, 400, 'validation_failed');
  });

  test('when the Idempotency-Key has 255 characters, then it is taken', async () => {
    const key = `${'~ !'.repeat(84)}xyz`;
    expectStatus(202, await send('POST', sale.orders, items({}), { ...ann, 'idempotency-key': key }));
  });

  test.each([
    'wait=-1',
    'wait=31',
    'wait=1.5',
    'wait=abc',
    'wait=',
    'wait=1&wait=1',
    'wait=1e1',
    'wait=%201',
    'wait=01',
    'wait=0x1',
    'wait[]=1',
    'wait=1%00',
    'wait=99999999999999999999',
    'Wait=1',
    'x=1',
    '__proto__=1',
    'constructor=1',
  ])('when an order is asked for with ?%s, then 400', async (query) => {
    expectProblem(await system.api.get(`${order.path}?${query}`, ann), 400, 'validation_failed');
  });

  test('when an order is written, then wait=30 and wait=0 answer at once', async () => {
    for (const wait of [0, 30]) expectStatus(200, await system.api.get(`${order.path}?wait=${wait}`, ann));
  });

  const cursor = (text: string): string => `cursor=${Buffer.from(text).toString('base64url')}`;
  test.each([
    'limit=0',
    'limit=201',
    'limit=-1',
    'limit=1.0',
    'limit=',
    'limit=x',
    'limit=1&limit=2',
    'limit=%ff',
    'limit',
    'cursor=',
    'cursor=x',
    `cursor=${unknownId}`,
    cursor('x'),
    cursor(`${unknownId}\n`),
    cursor(unknownId.toUpperCase().replace('01890000', 'ABCDEF00')),
    `${cursor(unknownId)}=`,
    `${cursor(unknownId)}&${cursor(unknownId)}`,
    'offset=1',
    'toString=1',
  ])('when a list is asked for with ?%s, then 400', async (query) => {
    const lists = [
      ['/v1/sales', {}],
      [sale.orders, ann],
      ['/v1/admin/sales', admin],
      [`${sale.admin}/orders`, admin],
      ['/v1/admin/audit', admin],
    ] as const;
    for (const [path, headers] of lists) {
      expectProblem(await system.api.get(`${path}?${query}`, headers), 400, 'validation_failed');
    }
  });

  test.each([
    'status=',
    'status=open',
    'status=RESERVED',
    'status=reserved&status=queued',
    'status=toString',
    'buyerId=',
    `buyerId=${'x'.repeat(256)}`,
    'buyerId=a&buyerId=b',
    'buyerId=%00',
    'buyerid=a',
  ])("when a sale's orders are asked for with ?%s, then 400", async (query) => {
    expectProblem(await system.api.get(`${sale.admin}/orders?${query}`, admin), 400, 'validation_failed');
  });

  test('when a route takes no query, then a parameter is refused', async () => {
    const requests = [
      ['GET', `/v1/sales/${sale.id}`, {}],
      ['POST', `${order.path}/confirm`, ann],
      ['POST', sale.orders, ann],
      ['GET', `${sale.admin}/inventory`, admin],
      ['POST', '/v1/admin/sales', admin],
      ['PATCH', sale.admin, admin],
      ['DELETE', sale.admin, admin],
      ['POST', '/v1/admin/reconciliations', admin],
    ] as const;
    for (const [method, path, headers] of requests) {
      expectProblem(await send(method, `${path}?dryRun=true`, undefined, headers), 400, 'validation_failed');
    }
  });
});

describe('paths and methods', () => {
  const S = ':saleId';
  const methodsOf: Record<string, string> = {
    '/v1/sales': 'GET, HEAD',
    [`/v1/sales/${S}`]: 'GET, HEAD',
    [`/v1/sales/${S}/orders`]: 'GET, HEAD, POST',
    [`/v1/sales/${S}/orders/:orderId`]: 'GET, HEAD',
    [`/v1/sales/${S}/orders/:orderId/confirm`]: 'POST',
    [`/v1/sales/${S}/orders/:orderId/cancel`]: 'POST',
    '/v1/admin/sales': 'GET, HEAD, POST',
    [`/v1/admin/sales/${S}`]: 'DELETE, GET, HEAD, PATCH',
    [`/v1/admin/sales/${S}/open`]: 'POST',
    [`/v1/admin/sales/${S}/pause`]: 'POST',
    [`/v1/admin/sales/${S}/resume`]: 'POST',
    [`/v1/admin/sales/${S}/close`]: 'POST',
    [`/v1/admin/sales/${S}/inventory`]: 'GET, HEAD',
    [`/v1/admin/sales/${S}/orders`]: 'GET, HEAD',
    [`/v1/admin/sales/${S}/orders/:orderId`]: 'GET, HEAD',
    [`/v1/admin/sales/${S}/orders/:orderId/cancel`]: 'POST',
    '/v1/admin/reconciliations': 'POST',
    '/v1/admin/audit': 'GET, HEAD',
    '/health/live': 'GET, HEAD',
    '/health/ready': 'GET, HEAD',
    '/docs/openapi.json': 'GET, HEAD',
  };

  test.each(Object.entries(methodsOf))(
    'when %s is asked by another method than %s, then 405 says so',
    async (pattern, allowed) => {
      const path = pattern.replace(S, sale.id).replace(':orderId', order.id);
      const others = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'].filter(
        (method) => !allowed.split(', ').includes(method),
      );
      for (const method of others) {
        const answer = await system.api.request(method, path);
        expect([method, answer.status, answer.headers['allow']]).toEqual([method, 405, allowed]);
        if (method !== 'HEAD') expectProblem(answer, 405, 'method_not_allowed');
      }
    },
  );

  test('when HEAD is asked, then the answer is that of GET without its body', async () => {
    for (const path of ['/v1/sales', `/v1/sales/${sale.id}`, '/health/live', sale.orders, order.path]) {
      const answer = await system.api.request('HEAD', path, { headers: ann });
      expect([answer.status, answer.body]).toEqual([200, {}]);
    }
    expect((await system.api.request('HEAD', `/v1/sales/${unknownId}`)).status).toBe(404);
  });

  test.each([
    '//',
    '/v1',
    '/v2/sales',
    '/v1/sale',
    '/V1/SALES',
    '/v1/sales/',
    '//v1/sales',
    '/v1//sales',
    '/v1/admin',
    '/v1/admin/',
    '/v1/admin/keys',
    '/%',
    '/%c0%ae',
    '/../etc/passwd',
    '/v1/sales/../admin/sales',
    '/v1/sales/%2e%2e/admin',
    '/.env',
    '/docs/../package.json',
    '/docs/%2e%2e/%2e%2e/package.json',
    '/assets/',
    '/assets/../index.html',
    '/assets/%2e%2e/index.html',
    '/assets/..%2f..%2fmain.js',
    '/sales',
    '/health',
    '/v1/sales;x=1',
    `/${'x'.repeat(8000)}`,
  ])('when the path is %s, then 404', async (path) => {
    expectProblem(await system.api.get(path), 404, 'not_found');
  });

  const ids: [string, (id: string) => string][] = [
    ['unknown', () => unknownId],
    ['in capitals', (id) => id.toUpperCase()],
    ['in braces', (id) => `%7B${id}%7D`],
    ['without dashes', (id) => id.replaceAll('-', '')],
    ['cut off', (id) => id.slice(0, -1)],
    ['too long', (id) => `${id}0`],
    ['with U+0000', (id) => `${id}%00`],
    ['with a line break', (id) => `${id}%0a`],
    ['with a blank', (id) => `%20${id}`],
    ['in full width', (id) => encodeURIComponent(id.replace('0', '０'))],
    ['a path', () => '..%2f..%2fetc%2fpasswd'],
    ['a way up', () => '..'],
    ['__proto__', () => '__proto__'],
    ['undefined', () => 'undefined'],
    ['SQL', () => "'%3Bdrop%20table%20sales--"],
    ['a Redis pattern', () => '*'],
    ['a hash tag', () => '%7D:sale'],
    ['no percent encoding', () => '%ff'],
    ['half a percent encoding', () => '%a'],
    ['600 characters', () => 'a'.repeat(600)],
    ['2,000 characters', () => 'a'.repeat(2000)],
  ];
  test.each(ids)('when an id is %s, then 404', async (_, bad) => {
    const saleId = bad(sale.id);
    const orderId = bad(order.id);
    const requests: [string, string, object?][] = [
      ['GET', `/v1/sales/${saleId}`],
      ['GET', `/v1/sales/${saleId}/orders`],
      ['POST', `/v1/sales/${saleId}/orders`, items({})],
      ['GET', `/v1/sales/${saleId}/orders/${order.id}`],
      ['GET', `${sale.orders}/${orderId}`],
      ['GET', `${sale.orders}/${orderId}?wait=1`],
      ['POST', `${sale.orders}/${orderId}/confirm`],
      ['POST', `${sale.orders}/${orderId}/cancel`],
      ['POST', `/v1/sales/${saleId}/orders/${order.id}/confirm`],
    ];
    for (const [method, path, body] of requests) expectProblem(await send(method, path, body), 404, 'not_found');
    const adminRequests: [string, string, object?][] = [
      ['GET', `/v1/admin/sales/${saleId}`],
      ['PATCH', `/v1/admin/sales/${saleId}`, { name: 'x' }],
      ['DELETE', `/v1/admin/sales/${saleId}`],
      ...['open', 'pause', 'resume', 'close'].map((step): [string, string] => [
        'POST',
        `/v1/admin/sales/${saleId}/${step}`,
      ]),
      ['GET', `/v1/admin/sales/${saleId}/inventory`],
      ['GET', `/v1/admin/sales/${saleId}/orders`],
      ['GET', `/v1/admin/sales/${saleId}/orders/${order.id}`],
      ['GET', `${sale.admin}/orders/${orderId}`],
      ['POST', `${sale.admin}/orders/${orderId}/cancel`],
    ];
    for (const [method, path, body] of adminRequests)
      expectProblem(await send(method, path, body, admin), 404, 'not_found');
  });

  test('when the headers are larger than 16 KiB, then 431', async () => {
    const answer = await system.api.request('GET', '/', { headers: { 'x-large': 'x'.repeat(17_000) } });
    expectProblem(answer, 431, 'validation_failed');
  });
});

describe("who is it: a buyer's token", () => {
  const claims = { sub: 'eve' };
  const unsigned = (alg: string): string =>
    `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.${Buffer.from('{"sub":"eve"}').toString('base64url')}.`;

  test.each<[string, string | string[] | undefined | (() => string)]>([
    ['missing', undefined],
    ['empty', ''],
    ['a scheme alone', 'Bearer'],
    ['without a scheme', hmacToken(claims)],
    ['of another scheme', `Basic ${Buffer.from('eve:x').toString('base64')}`],
    ['of a scheme that begins the same', `Bearers ${hmacToken(claims)}`],
    ['two tokens', `Bearer ${hmacToken(claims)}, Bearer ${hmacToken(claims)}`],
    ['there twice', [`Bearer ${hmacToken(claims)}`, `Bearer ${hmacToken(claims)}`]],
    ['no token', 'Bearer nonsense'],
    ['one part of three', `Bearer ${hmacToken(claims).split('.')[0]}`],
    ['four parts', `Bearer ${hmacToken(claims)}.x`],
    ['dots', 'Bearer ...'],
    ['signed with another secret', `Bearer ${hmacToken(claims, { key: 'another-secret-of-thirty-two-bytes' })}`],
    ['signed with nothing', `Bearer ${hmacToken(claims, { key: '' })}`],
    ['without its signature', `Bearer ${hmacToken(claims).replace(/[^.]+$/, '')}`],
    [
      'with one bit of the signature changed',
      `Bearer ${hmacToken(claims).replace(/.$/, (c) => (c === 'A' ? 'E' : 'A'))}`,
    ],
    ['alg none', `Bearer ${unsigned('none')}`],
    ['alg nOnE', `Bearer ${unsigned('nOnE')}`],
    ['alg none, with a signature', `Bearer ${hmacToken(claims, { header: { alg: 'none' } })}`],
    ['HS512', `Bearer ${hmacToken(claims, { header: { alg: 'HS512' }, hash: 'sha512' })}`],
    ['HS384', `Bearer ${hmacToken(claims, { header: { alg: 'HS384' }, hash: 'sha384' })}`],
    ['RS256 with the secret for a key', `Bearer ${hmacToken(claims, { header: { alg: 'RS256' } })}`],
    ['no algorithm', `Bearer ${hmacToken(claims, { header: { alg: undefined } })}`],
    ['a critical extension', `Bearer ${hmacToken(claims, { header: { crit: ['x'], x: 1 } })}`],
    ['expired 40 s ago', () => `Bearer ${hmacToken({ ...claims, exp: inSeconds(-40) })}`],
    ['good in 40 s', () => `Bearer ${hmacToken({ ...claims, nbf: inSeconds(40) })}`],
    ['an expiry in quotes', () => `Bearer ${hmacToken({ ...claims, exp: String(inSeconds(60)) })}`],
    ['an expiry that is null', `Bearer ${hmacToken({ ...claims, exp: null })}`],
    ['an expiry of 1e999', `Bearer ${hmacToken({ ...claims, exp: -1e300 })}`],
    ['no subject', `Bearer ${hmacToken({})}`],
    ['an empty subject', `Bearer ${hmacToken({ sub: '' })}`],
    ['a number for a subject', `Bearer ${hmacToken({ sub: 7 })}`],
    ['null for a subject', `Bearer ${hmacToken({ sub: null })}`],
    ['a list for a subject', `Bearer ${hmacToken({ sub: ['eve'] })}`],
    ['an object for a subject', `Bearer ${hmacToken({ sub: { toString: 'eve' } })}`],
    ['a subject of 256 characters', `Bearer ${hmacToken({ sub: 'x'.repeat(256) })}`],
    ['U+0000 in the subject', `Bearer ${hmacToken({ sub: 'eve\0' })}`],
    ['a lone surrogate in the subject', `Bearer ${hmacToken({ sub: 'eve\ud800' })}`],
    ['claims that are a list', `Bearer ${hmacToken([])}`],
    ['claims that are null', `Bearer ${hmacToken(null as never)}`],
    ["an administrator's key", `Bearer ${adminKey}`],
  ])('when it is %s, then 401', async (_, given) => {
    const authorization = typeof given === 'function' ? given() : given;
    const headers = authorization === undefined ? {} : { authorization };
    const requests = [
      ['POST', sale.orders],
      ['GET', sale.orders],
      ['GET', order.path],
      ['POST', `${order.path}/confirm`],
      ['POST', `${order.path}/cancel`],
    ] as const;
    for (const [method, path] of requests) {
      const answer = await send(method, path, undefined, headers);
      expectProblem(answer, 401, 'unauthenticated');
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
  });

  test.each<[string, () => string]>([
    ['expired 20 s ago', () => hmacToken({ ...claims, exp: inSeconds(-20) })],
    ['good in 20 s', () => hmacToken({ ...claims, nbf: inSeconds(20) })],
    ['with a subject of 255 characters', () => hmacToken({ sub: 'x'.repeat(255) })],
    ['with a subject of 255 characters outside the BMP', () => hmacToken({ sub: '🎫'.repeat(255) })],
    ['with a subject of one blank', () => hmacToken({ sub: ' ' })],
    ['with __proto__ for a subject', () => hmacToken({ sub: '__proto__' })],
    ['with a type of its own', () => hmacToken(claims, { header: { typ: 'at+jwt' } })],
  ])('when it is %s, then the buyer may buy', async (_, make) => {
    const token = make();
    const { body } = expectStatus(202, await send('POST', sale.orders, items({}), bearer(token)));
    const { sub } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub: string };
    expect(body.buyerId).toBe(sub);
    const written = await system.api.get(`${sale.orders}/${body.id}?wait=10`, bearer(token));
    expect([written.body.status, written.body.buyerId]).toEqual(['reserved', sub]);
  });

  test('when the scheme is written in small letters, then it is the same', async () => {
    expectStatus(
      200,
      await system.api.get(order.path, { authorization: ann['authorization']?.replace('Bearer', 'bearer') ?? '' }),
    );
  });

  test("when the order is somebody else's, then 404, as if it were not there", async () => {
    const bob = buyer('bob');
    const answers = [
      await system.api.get(order.path, bob),
      await system.api.get(`${order.path}?wait=1`, bob),
      await system.api.post(`${order.path}/confirm`, bob),
      await system.api.post(`${order.path}/cancel`, bob),
      await system.api.get(`${other.orders}/${order.id}`, ann), // of another sale
    ];
    for (const answer of answers) expectProblem(answer, 404, 'not_found');
    const nowhere = await system.api.get(`${sale.orders}/${unknownId}`, bob);
    expect({ ...answers[0]?.body, instance: '', requestId: '' }).toEqual({
      ...nowhere.body,
      instance: '',
      requestId: '',
    });
    const { body } = await system.api.get(sale.orders, bob);
    expect(body.data).toEqual([]);
    expect((await system.api.get(order.path, ann)).body.status).toBe('reserved');
  });
});

describe('who is it: a token of another issuer', () => {
  const pairs = new Map<string, GenerateKeyPairResult>();
  let keys: Server;
  let keysUrl: string;
  let api: ApiClient;

  beforeAll(async () => {
    const jwks: object[] = [];
    for (const alg of ['RS256', 'ES256', 'EdDSA']) {
      const pair = await generateKeyPair(alg, { extractable: true });
      pairs.set(alg, pair);
      jwks.push({ ...(await exportJWK(pair.publicKey)), kid: alg });
    }
    keys = createServer((_, response) => void response.end(JSON.stringify({ keys: jwks })));
    keysUrl = await listening(keys);
    const expected = { BUYER_JWT_AUDIENCE: 'tickets', BUYER_JWT_ISSUER: 'id.example' };
    api = await system.startApi({ BUYER_JWT_SECRET: '', BUYER_JWKS_URL: keysUrl, ...expected });
  });
  afterAll(() => {
    keys.close();
  });

  async function listening(server: Server): Promise<string> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  }

  interface Options {
    readonly alg?: string;
    readonly kid?: string | undefined;
    readonly claims?: object;
    /** seconds from now */
    readonly exp?: number;
    readonly nbf?: number;
  }
  /** RSA keys are used for other algorithms too. */
  async function keyFor(alg: string): Promise<GenerateKeyPairResult['privateKey'] | Uint8Array> {
    const pair = pairs.get(alg);
    if (pair !== undefined) return pair.privateKey;
    return importJWK(await exportJWK(pairOf('RS256').privateKey), alg);
  }
  function pairOf(alg: string): GenerateKeyPairResult {
    const pair = pairs.get(alg);
    if (pair === undefined) throw new Error(`no key for ${alg}`);
    return pair;
  }
  /** A token that is good but for what is said. */
  async function signed({ alg = 'ES256', claims = {}, exp = 60, nbf = 0, ...options }: Options = {}): Promise<string> {
    const privateKey = await keyFor(alg);
    const kid = 'kid' in options ? options.kid : alg;
    return new SignJWT({
      sub: 'kim',
      aud: 'tickets',
      iss: 'id.example',
      exp: inSeconds(exp),
      nbf: inSeconds(nbf),
      ...claims,
    })
      .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
      .sign(privateKey);
  }
  const askWith = (token: string, client = api): Promise<Answer> => client.get(sale.orders, bearer(token));

  test.each<[string, Options]>([
    ['RS256', { alg: 'RS256' }],
    ['ES256', { alg: 'ES256' }],
    ['EdDSA', { alg: 'EdDSA' }],
    ['the only key of its kind, and does not name it', { kid: undefined }],
    ['the right one among its audiences', { claims: { aud: ['other', 'tickets'] } }],
    ['an expiry 20 s ago', { exp: -20 }],
    ['a subject of 255 characters', { claims: { sub: 'x'.repeat(255) } }],
  ])('when it has %s, then it is good', async (_, options) => {
    expectStatus(200, await askWith(await signed(options)));
  });

  test.each<[string, Options]>([
    ['another hash of a good key', { alg: 'RS512', kid: 'RS256' }],
    ['another padding of a good key', { alg: 'PS256', kid: 'RS256' }],
    ['an unknown key', { kid: 'none' }],
    ["another key's name", { kid: 'RS256' }],
    ['another audience', { claims: { aud: 'other' } }],
    ['no audience', { claims: { aud: undefined } }],
    ['another issuer', { claims: { iss: 'evil.example' } }],
    ['no issuer', { claims: { iss: undefined } }],
    ['an expiry 40 s ago', { exp: -40 }],
    ['a beginning in 40 s', { nbf: 40 }],
    ['no subject', { claims: { sub: undefined } }],
    ['a subject of 256 characters', { claims: { sub: 'x'.repeat(256) } }],
    ['a number for a subject', { claims: { sub: 7 } }],
  ])('when it has %s, then 401', async (_, options) => {
    expectProblem(await askWith(await signed(options)), 401, 'unauthenticated');
  });

  test('when it is signed by HMAC with what is public, then 401', async () => {
    const claims = { sub: 'kim', aud: 'tickets', iss: 'id.example' };
    const { publicKey } = pairOf('RS256');
    const jwk = await exportJWK(publicKey);
    const publicTexts = [await exportSPKI(publicKey), JSON.stringify(jwk), jwk.n ?? '', ''];
    for (const key of publicTexts) {
      for (const alg of ['HS256', 'RS256']) {
        const forged = hmacToken(claims, { header: { alg, kid: 'RS256' }, key });
        expectProblem(await askWith(forged), 401, 'unauthenticated');
      }
    }
    // nor does a key that the token brings along count
    const own = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', jwk, jku: keysUrl, kid: 'own' });
    const stranger = await generateKeyPair('RS256');
    expectProblem(await askWith(await own.sign(stranger.privateKey)), 401, 'unauthenticated');
  });

  test('when the keys cannot be had, then 503 within 3 s, and tokens are good soon after they can', async () => {
    let answers = false;
    const slow = createServer((_, response) => {
      if (answers) response.end(JSON.stringify({ keys: [jwk] }));
    });
    const jwk = { ...(await exportJWK(pairOf('ES256').publicKey)), kid: 'ES256' };
    const client = await system.startApi({ BUYER_JWT_SECRET: '', BUYER_JWKS_URL: await listening(slow) });
    const startedAt = performance.now();
    expectProblem(await askWith(await signed(), client), 503, 'unavailable');
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expectProblem(await askWith('nonsense', client), 401, 'unauthenticated'); // no key would make it good
    answers = true;
    await until(async () => (await askWith(await signed(), client)).status === 200);
    slow.closeAllConnections();
    slow.close();
  });

  test('when there is an audience and a secret, then a token without it is 401', async () => {
    const client = await system.startApi({ BUYER_JWT_AUDIENCE: 'tickets', BUYER_JWT_ISSUER: 'id.example' });
    const claims = { sub: 'kim', aud: 'tickets', iss: 'id.example' };
    expectStatus(200, await askWith(hmacToken(claims), client));
    for (const wrong of [
      { aud: undefined },
      { aud: 'other' },
      { aud: [] },
      { iss: undefined },
      { iss: ['id.example'] },
    ]) {
      expectProblem(await askWith(hmacToken({ ...claims, ...wrong }), client), 401, 'unauthenticated');
    }
  });
});

describe("who is it: an administrator's key", () => {
  const routes = [
    ['POST', '', 'admin'],
    ['GET', '', 'viewer'],
    ['PATCH', '/:saleId', 'admin'],
    ['DELETE', '/:saleId', 'admin'],
    ['POST', '/:saleId/open', 'operator'],
    ['POST', '/:saleId/close', 'admin'],
    ['GET', '/:saleId/inventory', 'viewer'],
    ['POST', '/:saleId/orders/:orderId/cancel', 'admin'],
  ] as const;
  const at = (path: string): string =>
    `/v1/admin/sales${path.replace(':saleId', other.id).replace(':orderId', unknownId)}`;

  test.each<[string, string | string[] | undefined]>([
    ['missing', undefined],
    ['a prefix of a key', `Bearer ${adminKey.slice(0, -1)}`],
    ['a key and more', `Bearer ${adminKey}x`],
    ['a key in capitals', `Bearer ${adminKey.toUpperCase()}`],
    ['a name and its key', `Bearer tester:${adminKey}`],
    ['of the scheme Basic', `Basic ${Buffer.from(`tester:${adminKey}`).toString('base64')}`],
    ['there twice', [`Bearer ${adminKey}`, `Bearer ${adminKey}`]],
    ["a buyer's token", ann['authorization']],
    ['10,000 characters long', `Bearer ${'x'.repeat(10_000)}`],
  ])('when it is %s, then 401', async (_, authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    for (const [method, path] of routes)
      expectProblem(await send(method, at(path), undefined, headers), 401, 'unauthenticated');
  });

  test.each(routes)('when the role is less than %s %s wants (%s), then 403', async (method, path, least) => {
    const weaker = { admin: [operatorKey, viewerKey], operator: [viewerKey], viewer: [] }[least];
    for (const key of weaker) expectProblem(await send(method, at(path), undefined, bearer(key)), 403, 'forbidden');
  });
});

const everyField = [
  { name: 'email', type: 'email', required: true, label: 'E-mail' },
  { name: 'name', type: 'text', required: false, label: 'Name' },
  { name: 'age', type: 'number', required: false, label: 'Age' },
  { name: 'news', type: 'boolean', required: false, label: 'News' },
  { name: 'meal', type: 'choice', required: false, label: 'Meal', choices: ['fish', 'none', 'toString'] },
  { name: 'constructor', type: 'text', required: false, label: 'A name that objects have' },
];

describe('answers to what a sale asks', () => {
  const email = 'a@b.example';
  const buy = (answers: object | undefined): Promise<Answer> =>
    send('POST', asking.orders, {
      items: [{ ticketTypeId: asking.types[0], quantity: 1 }],
      ...(answers === undefined ? {} : { answers }),
    });

  test.each<[string, object | undefined]>([
    ['left out', undefined],
    ['empty', {}],
    ['without the one that is required', { name: 'Ann' }],
    ['a required one that is null', { email: null }],
    ['an e-mail without @', { email: 'ann' }],
    ['an e-mail without a host', { email: 'ann@' }],
    ['an e-mail with a blank', { email: 'an n@b.example' }],
    ['an e-mail with a line break', { email: 'a@b.example\nBcc: x@y.example' }],
    ['an e-mail of 255 characters', { email: `${'a'.repeat(245)}@b.example` }],
    ['an e-mail that is a list', { email: [email] }],
    ['a text that is null', { email, name: null }],
    ['a text that is a number', { email, name: 7 }],
    ['a text that is an object', { email, name: { first: 'Ann' } }],
    ['a number in quotes', { email, age: '7' }],
    ['a number that is null', { email, age: null }],
    ['a boolean that is a number', { email, news: 1 }],
    ['a boolean in quotes', { email, news: 'true' }],
    ['a choice that is none', { email, meal: 'meat' }],
    ['a choice in other letters', { email, meal: 'Fish' }],
    ['a choice by its number', { email, meal: 0 }],
    ['a choice that is a list', { email, meal: ['fish'] }],
    ['a choice that is empty', { email, meal: '' }],
    ['an unknown one', { email, phone: '1' }],
    ['one that every object has', { email, toString: 'x' }],
    ['one in other letters', { email, Name: 'Ann' }],
  ])('when they are %s, then 400 names them', async (_, answers) => {
    const answer = await buy(answers);
    expectProblem(answer, 400, 'validation_failed');
    expect(answer.body.errors[0]?.path).toMatch(/^answers\.\w+$/);
  });

  test.each<[string, object]>([
    ['the required one', { email }],
    ['all', { email, name: 'Ann', age: 7, news: false, meal: 'fish', constructor: 'x' }],
    ['an empty text and odd numbers', { email, name: '', age: -1.5e300 }],
    ['a choice that every object has', { email, meal: 'toString' }],
    ['what needs escaping', { email, name: '"\\/\u0001\u2028 🎫 <script> %s ${x} \u202e' }],
  ])('when they are %s, then the order has them', async (_, answers) => {
    const { body } = expectStatus(202, await buy(answers));
    const written = await system.api.get(`${asking.orders}/${body.id}?wait=10`, ann);
    expect([written.body.status, written.body.answers]).toEqual(['reserved', answers]);
  });
});

describe('the body of a sale', () => {
  const type = (fields: object = {}): object => ({
    name: 'Floor',
    priceMinor: 4500,
    currency: 'EUR',
    capacity: 10,
    maxPerOrder: 4,
    ...fields,
  });
  const withType = (fields: object): object => ({ ticketTypes: [type(fields)] });
  const field = (fields: object): object => ({
    buyerFields: [{ name: 'email', type: 'email', required: true, label: 'E-mail', ...fields }],
  });
  const create = (fields: object): Promise<Answer> =>
    send('POST', '/v1/admin/sales', { ...saleBody(), ...fields }, admin);
  const long = '🎫'.repeat(200);
  const wrong = ['x', '1', 1.5, -1, null, true, [], {}, Number.MAX_SAFE_INTEGER, 2 ** 53, 1e300];

  test.each<[string, object]>([
    [
      'everything at its least',
      {
        name: 'x',
        holdSeconds: 1,
        maxPerBuyer: 1,
        ...withType({ name: 'x', priceMinor: 0, capacity: 1, maxPerOrder: 1 }),
      },
    ],
    [
      'everything at its most',
      {
        name: long,
        holdSeconds: 86_400,
        maxPerBuyer: 1000,
        payment: 'webhook',
        ticketTypes: times(50, () =>
          type({ name: long, priceMinor: 1_000_000_000, capacity: 10_000_000, maxPerOrder: 100 }),
        ),
        buyerFields: times(50, (i) => ({
          name: `f${i}`,
          type: 'choice',
          required: false,
          label: long,
          choices: times(100, (n) => `${n}`),
        })),
      },
    ],
    [
      'times with offsets and fractions',
      { opensAt: '2026-05-01T18:00:00.123456789+05:30', closesAt: '2026-05-01T18:00:01-00:00' },
    ],
    ['small letters in a time', { opensAt: '2026-05-01t18:00:00z' }],
    ['the day of a leap year', { opensAt: '2024-02-29T00:00:00Z' }],
    ['no buyerFields', { buyerFields: [] }],
    ['more for an order than for a buyer', { maxPerBuyer: 1, ...withType({ maxPerOrder: 100 }) }],
    ['a currency without minor units', withType({ currency: 'JPY' })],
    ['what needs escaping in its name', { name: '"\\\u0001\u2028<script>{{x}}' }],
  ])('when it has %s, then 201', async (_, fields) => {
    const { body, headers } = expectStatus(201, await create(fields));
    expect(headers['location']).toBe(`/v1/admin/sales/${body.id}`);
    expect((await system.api.get(`/v1/admin/sales/${body.id}`, admin)).body.name).toBe(body.name);
  });

  test.each<[string, object]>([
    ...['name', 'opensAt', 'closesAt', 'holdSeconds', 'maxPerBuyer', 'payment', 'ticketTypes', 'buyerFields'].map(
      (name): [string, object] => [`${name} null`, { [name]: null }],
    ),
    ...['name', 'opensAt', 'closesAt', 'holdSeconds', 'maxPerBuyer', 'ticketTypes'].map((name): [string, object] => [
      `no ${name}`,
      { [name]: undefined },
    ]),
    ...['name', 'priceMinor', 'currency', 'capacity', 'maxPerOrder'].flatMap((name): [string, object][] => [
      [`a ticket type without ${name}`, withType({ [name]: undefined })],
      [`a ticket type with ${name} null`, withType({ [name]: null })],
    ]),
    ...['name', 'type', 'required', 'label'].flatMap((name): [string, object][] => [
      [`a buyer field without ${name}`, field({ [name]: undefined })],
      [`a buyer field with ${name} null`, field({ [name]: null })],
    ]),
    ...wrong.map((value): [string, object] => [`holdSeconds ${JSON.stringify(value)}`, { holdSeconds: value }]),
    ...wrong.map((value): [string, object] => [`maxPerBuyer ${JSON.stringify(value)}`, { maxPerBuyer: value }]),
    ...wrong.map((value): [string, object] => [`capacity ${JSON.stringify(value)}`, withType({ capacity: value })]),
    ...wrong.map((value): [string, object] => [`priceMinor ${JSON.stringify(value)}`, withType({ priceMinor: value })]),
    ['holdSeconds 0', { holdSeconds: 0 }],
    ['holdSeconds 86,401', { holdSeconds: 86_401 }],
    ['maxPerBuyer 0', { maxPerBuyer: 0 }],
    ['maxPerBuyer 1,001', { maxPerBuyer: 1001 }],
    ['capacity 0', withType({ capacity: 0 })],
    ['capacity 10,000,001', withType({ capacity: 10_000_001 })],
    ['priceMinor 1,000,000,001', withType({ priceMinor: 1_000_000_001 })],
    ['maxPerOrder 0', withType({ maxPerOrder: 0 })],
    ['maxPerOrder 101', withType({ maxPerOrder: 101 })],
    ['an empty name', { name: '' }],
    ['a name of 201 characters', { name: 'x'.repeat(201) }],
    ['a name of 201 characters outside the BMP', { name: `${long}🎫` }],
    ['a name that is a number', { name: 7 }],
    ['U+0000 in its name', { name: 'a\0' }],
    ['a lone surrogate in its name', { name: 'a\ud800' }],
    ['U+0000 in the name of a ticket type', withType({ name: '\0' })],
    ['a ticket type with an empty name', withType({ name: '' })],
    ['no ticket types', { ticketTypes: [] }],
    ['51 ticket types', { ticketTypes: times(51, () => type()) }],
    ['ticket types that are an object', { ticketTypes: type() }],
    ['a ticket type that is a list', { ticketTypes: [[]] }],
    ['two currencies', { ticketTypes: [type(), type({ currency: 'USD' })] }],
    ['a currency that is unknown', withType({ currency: 'XYZ' })],
    ['a currency in small letters', withType({ currency: 'eur' })],
    ['a currency that is a number', withType({ currency: 978 })],
    ['a field that is unknown', { venue: 'x' }],
    ['an id', { id: unknownId }],
    ['a status', { status: 'open' }],
    ['a ticket type with a field that is unknown', withType({ taken: 0 })],
    ['a ticket type with an id', withType({ id: unknownId })],
    ['a buyer field with a field that is unknown', field({ pattern: '.*' })],
    ['closesAt before opensAt', { opensAt: '2026-05-02T00:00:00Z', closesAt: '2026-05-01T00:00:00Z' }],
    ['closesAt at opensAt', { opensAt: '2026-05-01T00:00:00Z', closesAt: '2026-05-01T02:00:00+02:00' }],
    ...[
      '2026-02-30T00:00:00Z',
      '2025-02-29T00:00:00Z',
      '2026-13-01T00:00:00Z',
      '2026-00-01T00:00:00Z',
      '2026-04-31T00:00:00Z',
      '2026-05-01T00:00:00',
      '2026-05-01',
      '2026-05-01 00:00:00Z',
      '2026-05-01T24:00:00Z',
      '2026-05-01T00:60:00Z',
      '2026-05-01T00:00:61Z',
      '2026-05-01T00:00Z',
      '2026-05-01T00:00:00+24:00',
      '2026-05-01T00:00:00+0200',
      '2026-05-01T00:00:00.Z',
      '+012026-05-01T00:00:00Z',
      '0000-01-01T00:00:00Z',
      '10000-01-01T00:00:00Z',
      ' 2026-05-01T00:00:00Z',
      '2026-05-01T00:00:00Z\n',
      '２026-05-01T00:00:00Z',
      'now',
      '',
      1_777_000_000_000,
      '1777000000000',
      true,
      {},
    ].map((time): [string, object] => [`opensAt ${JSON.stringify(time)}`, { opensAt: time }]),
    ['payment that is unknown', { payment: 'card' }],
    ['payment that every object has', { payment: 'constructor' }],
    [
      '51 buyer fields',
      { buyerFields: times(51, (i) => ({ name: `f${i}`, type: 'text', required: false, label: 'x' })) },
    ],
    [
      'a buyer field twice',
      { buyerFields: times(2, () => ({ name: 'a', type: 'text', required: false, label: 'x' })) },
    ],
    ['a buyer field of an unknown type', field({ type: 'date' })],
    ['a buyer field whose required is a text', field({ required: 'yes' })],
    ['a buyer field with an empty name', field({ name: '' })],
    ['a buyer field with U+0000 in its name', field({ name: 'a\0' })],
    ['a choice without choices', field({ type: 'choice' })],
    ['a choice of nothing', field({ type: 'choice', choices: [] })],
    ['choices that are no texts', field({ type: 'choice', choices: [1] })],
    ['choices that are null', field({ type: 'choice', choices: null })],
    ['an empty choice', field({ type: 'choice', choices: [''] })],
    ['a lone surrogate in a choice', field({ type: 'choice', choices: ['\udc00'] })],
    ['101 choices', field({ type: 'choice', choices: times(101, String) })],
    ['choices of a text', field({ type: 'text', choices: ['a'] })],
  ])('when it has %s, then 400', async (_, fields) => {
    expectProblem(await create(fields), 400, 'validation_failed');
  });

  // is accepted, and then nobody can buy: JSON with such a name is refused
  test('when it asks for something that no answer can be called, then 400', async () => {
    expectProblem(await create(field({ name: '__proto__' })), 400, 'validation_failed');
  });

  test('when its JSON is 60,000 levels deep, then 400', async () => {
    const answer = await send('POST', '/v1/admin/sales', raw('['.repeat(60_000) + ']'.repeat(60_000)), admin);
    expectProblem(answer, 400, 'validation_failed');
  });

  test.each<[string, () => unknown]>([
    ['payment', () => ({ payment: 'webhook' })],
    ['buyerFields', () => ({ buyerFields: [] })],
    ['a price', () => ({ ticketTypes: [{ id: other.types[0], priceMinor: 1 }] })],
    ['a ticket type without its id', () => ({ ticketTypes: [{ capacity: 5 }] })],
    ['a ticket type without its capacity', () => ({ ticketTypes: [{ id: other.types[0] }] })],
    ["another sale's ticket type", () => ({ ticketTypes: [{ id: sale.types[0], capacity: 5 }] })],
    ['a ticket type twice', () => ({ ticketTypes: times(2, () => ({ id: other.types[0], capacity: 5 })) })],
    ['a capacity of 0', () => ({ ticketTypes: [{ id: other.types[0], capacity: 0 }] })],
    ['a capacity of null', () => ({ ticketTypes: [{ id: other.types[0], capacity: null }] })],
    ['no ticket types', () => ({ ticketTypes: [] })],
    ['its status', () => ({ status: 'closed' })],
    ['its id', () => ({ id: other.id })],
    ['its end before its beginning', () => ({ closesAt: '2001-01-01T00:00:00Z' })],
    ['a name of null', () => ({ name: null })],
    ['nothing, as a list', () => []],
    ['nothing at all', () => undefined],
  ])('when an open sale is to change %s, then 400 and nothing changes', async (_, patch) => {
    const before = (await system.api.get(other.admin, admin)).body;
    expectProblem(await send('PATCH', other.admin, patch(), admin), 400, 'validation_failed');
    expect((await system.api.get(other.admin, admin)).body).toMatchObject({
      name: before.name,
      updatedAt: before.updatedAt,
    });
  });

  test.each([
    ['draft', ['pause', 'resume']],
    ['open', ['open', 'resume']],
    ['paused', ['open', 'pause']],
    ['closed', ['open', 'pause', 'resume', 'close']],
  ] as const)('when a sale is %s, then its status does not allow %j', async (status, steps) => {
    const { admin: path } = status === 'draft' ? await draftSale(system.api) : await openSale(system.api);
    if (status === 'paused') expectStatus(200, await system.api.post(`${path}/pause`, admin));
    if (status === 'closed') expectStatus(200, await system.api.post(`${path}/close`, admin));
    for (const step of steps) expectProblem(await system.api.post(`${path}/${step}`, admin), 409, 'invalid_transition');
    if (status !== 'draft') expectProblem(await send('DELETE', path, undefined, admin), 409, 'invalid_transition');
  });
});

describe('which refusal comes first', () => {
  const nobody = bearer('nobody');
  const large = raw(' '.repeat(16_385));
  const text = { 'content-type': 'text/plain' };

  test.each<[string, () => [string, unknown, RequestOptions['headers']?], number, string]>([
    ['401 before 413', () => [`${sale.orders}?x=1`, large, { ...nobody, ...text }], 401, 'unauthenticated'],
    ['401 before 415', () => [sale.orders, raw('{'), { ...nobody, ...text }], 401, 'unauthenticated'],
    ['401 before 400', () => [`${sale.orders}?x=1`, raw('{'), nobody], 401, 'unauthenticated'],
    ['401 before 404', () => [`/v1/sales/${unknownId}/orders`, {}, nobody], 401, 'unauthenticated'],
    ['413 before 415', () => [sale.orders, large, { ...ann, ...text }], 413, 'payload_too_large'],
    ['413 before 400', () => [`${sale.orders}?x=1`, large], 413, 'payload_too_large'],
    ['413 before 404', () => [`/v1/sales/${unknownId}/orders`, large], 413, 'payload_too_large'],
    [
      '415 before 400 for the query',
      () => [`${sale.orders}?x=1`, items({}), { ...ann, ...text }],
      415,
      'unsupported_media_type',
    ],
    ['415 before 400 for JSON', () => [sale.orders, raw('{'), { ...ann, ...text }], 415, 'unsupported_media_type'],
    ['415 before 404', () => ['/v1/sales/none/orders', items({}), { ...ann, ...text }], 415, 'unsupported_media_type'],
    ['400 for JSON before 404', () => ['/v1/sales/none/orders', raw('{')], 400, 'malformed_json'],
    ['400 for the shape before 404', () => [`/v1/sales/${unknownId}/orders`, {}], 400, 'validation_failed'],
    ['400 for the query before 404', () => [`/v1/sales/${unknownId}/orders?x=1`, items({})], 400, 'validation_failed'],
    [
      '400 for the key before 404',
      () => [`/v1/sales/${unknownId}/orders`, items({}), { ...ann, 'idempotency-key': '' }],
      400,
      'validation_failed',
    ],
    [
      '404 before 400 for answers',
      () => [`/v1/sales/${unknownId}/orders`, { ...items({}), answers: { x: 1 } }],
      404,
      'not_found',
    ],
    [
      '404 before 400 for ticket types',
      () => [`/v1/sales/${unknownId}/orders`, items({ ticketTypeId: unknownId })],
      404,
      'not_found',
    ],
  ])('%s', async (_, request, status, code) => {
    const [path, body, headers] = request();
    expectProblem(await send('POST', path, body, headers), status, code);
  });

  test('a draft is 404, whatever is wrong with the order', async () => {
    const draft = await draftSale(system.api);
    expectProblem(await send('POST', draft.orders, { ...items({}), answers: { x: 1 } }), 404, 'not_found');
    expectProblem(await purchase(system.api, draft, 'ann'), 404, 'not_found');
    expectProblem(await system.api.get(`/v1/sales/${draft.id}`), 404, 'not_found');
    expectProblem(await system.api.get(draft.orders, ann), 404, 'not_found');
  });

  test('400 for answers, replay, 422, sale_closed', async () => {
    const closed = await openSale(system.api, { capacities: [2], maxPerBuyer: 1 });
    const first = expectStatus(202, await purchase(system.api, closed, 'ann', { key: 'k' }));
    expectStatus(202, await purchase(system.api, closed, 'bob'));
    expectStatus(200, await system.api.post(`${closed.admin}/close`, admin));
    const buy = (fields: object): Promise<Answer> =>
      send(
        'POST',
        closed.orders,
        { items: [{ ticketTypeId: closed.types[0], quantity: 1 }], ...fields },
        { ...ann, 'idempotency-key': 'k' },
      );
    expectProblem(await buy({ answers: { x: 1 } }), 400, 'validation_failed');
    expectProblem(await buy({ items: [{ ticketTypeId: sale.types[0], quantity: 1 }] }), 400, 'validation_failed');
    expectProblem(await buy({ items: [{ ticketTypeId: closed.types[0], quantity: 5 }] }), 400, 'validation_failed');
    expectProblem(
      await buy({ items: [{ ticketTypeId: closed.types[0], quantity: 2 }] }),
      422,
      'idempotency_key_reused',
    );
    const replay = expectStatus(202, await buy({}));
    expect([replay.body.id, replay.headers['idempotency-replayed']]).toEqual([first.body.id, 'true']);
    // closed, and sold out, and over the limit
    expectProblem(await purchase(system.api, closed, 'ann'), 409, 'sale_closed');
  });

  test('sale_closed, sale_paused, sale_not_open, sold_out, limit_exceeded', async () => {
    const hour = 3_600_000;
    const full = await openSale(system.api, { capacities: [1, 1], maxPerBuyer: 1 });
    const change = (path: string, body?: object): Promise<Answer> =>
      send(body === undefined ? 'POST' : 'PATCH', full.admin + path, body, admin).then((answer) =>
        expectStatus(200, answer),
      );
    const at = (ms: number): string => new Date(Date.now() + ms).toISOString();
    expectStatus(202, await purchase(system.api, full, 'ann'));
    const again = (): Promise<Answer> => purchase(system.api, full, 'ann'); // sold out, and over the limit

    const soldOut = await again();
    expectProblem(soldOut, 409, 'sold_out');
    expect(soldOut.body.ticketTypeIds).toEqual([full.types[0]]);
    const over = await purchase(system.api, full, 'ann', { quantities: [0, 1] });
    expectProblem(over, 409, 'limit_exceeded');
    expect(over.body.left).toBe(0);

    await change('', { opensAt: at(hour), closesAt: at(2 * hour) });
    const early = await again();
    expectProblem(early, 409, 'sale_not_open');
    expect(Number(early.headers['retry-after'])).toBeGreaterThan(3500);
    await change('/pause');
    expectProblem(await again(), 409, 'sale_paused');
    await change('', { opensAt: at(-2 * hour), closesAt: at(-hour) });
    expectProblem(await again(), 409, 'sale_closed');
  });
});
