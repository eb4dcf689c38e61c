import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

import { Body, Controller, Get, HttpCode, Module, Post, Query, type Type, UseGuards } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createSigner } from 'fast-jwt';

import { until } from '../../test/support/until.js';
import { readConfig } from '../config/index.js';
import { DomainError, notFound } from '../domain/index.js';
import { createLogger, Metrics, ObservabilityModule } from '../observability/index.js';
import {
  Access,
  type Admin,
  BuyerId,
  createHttpApp,
  CurrentAdmin,
  FreeObject,
  Id,
  IdempotencyKey,
  Integer,
  ListOf,
  openApiDocument,
  PageQuery,
  Problems,
  Uuid,
} from './index.js';

const secret = 'a secret of thirty-two bytes or so';
const keys = { admin: 'a'.repeat(24), operator: 'o'.repeat(24), viewer: 'v'.repeat(24) };
const environment = {
  DATABASE_URL: 'postgres://localhost/none',
  REDIS_URL: 'redis://localhost',
  ADMIN_API_KEYS: `ann:${keys.admin},otto:operator:${keys.operator},vera:viewer:${keys.viewer}`,
  BUYER_JWT_SECRET: secret,
};
const sign = createSigner({ key: secret, algorithm: 'HS256', noTimestamp: true });
const token = sign({ sub: 'buyer-1' });
const id = '01890000-0000-7000-8000-000000000000';

class ItemDto {
  @Uuid()
  ticketTypeId!: string;

  @Integer({ min: 1, max: 10 })
  quantity!: number;
}

class PurchaseDto {
  @ListOf(() => ItemDto, { min: 1, max: 10 })
  items!: ItemDto[];

  @FreeObject({ optional: true })
  answers?: Record<string, unknown>;
}

@Access('buyer')
@Controller('v1/sales')
class SalesController {
  @Access('public')
  @Get()
  list(@Query() query: PageQuery): unknown {
    return { limit: query.limit, cursor: query.cursor };
  }

  @Post(':saleId/orders')
  @HttpCode(202)
  @Problems('not_found', 'sold_out')
  buy(
    @Id('saleId') saleId: string,
    @Body() body: PurchaseDto,
    @BuyerId() buyerId: string,
    @IdempotencyKey() key?: string,
  ): unknown {
    if (saleId !== id) throw notFound('sale');
    return { saleId, buyerId, key: key ?? null, body };
  }

  @Post(':saleId/confirm')
  @HttpCode(200)
  confirm(@Id('saleId') saleId: string): unknown {
    return { saleId };
  }

  @Get(':saleId/fail')
  fail(@Id('saleId') saleId: string): unknown {
    throw new Error(`internal ${saleId} detail`);
  }

  @Get(':saleId/guarded')
  @UseGuards({ canActivate: () => false })
  guarded(): unknown {
    return {};
  }

  @Get(':saleId/soon')
  soon(): unknown {
    throw new DomainError('sale_not_open', 'Not yet.', { retryAfterSeconds: 1.2 });
  }

  @Get(':saleId/busy')
  busy(): unknown {
    throw new DomainError('overloaded', 'Too much.');
  }
}

@Access('admin')
@Controller('v1/admin/sales')
class AdminController {
  @Access('viewer')
  @Get()
  list(@CurrentAdmin() admin: Admin): unknown {
    return admin;
  }

  @Access('operator')
  @Post(':saleId/open')
  @HttpCode(200)
  open(@CurrentAdmin() admin: Admin): unknown {
    return admin;
  }

  @Post()
  create(@Body() body: PurchaseDto): unknown {
    return { answers: Object.keys(body.answers ?? {}).length };
  }
}

const metrics = new Metrics();

@Module({ imports: [ObservabilityModule.for(metrics)], controllers: [SalesController, AdminController] })
class TestModule {}

let logged = '';
let app: NestFastifyApplication;
let origin: string;
let port: number;

async function start(root: Type, env: Readonly<Record<string, string>> = {}): Promise<NestFastifyApplication> {
  const logger = createLogger('warn', { write: (line) => (logged += line) });
  return createHttpApp(root, { config: readConfig({ ...environment, ...env }), logger, metrics: new Metrics() });
}

beforeAll(async () => {
  app = await start(TestModule);
  await app.listen(0, '127.0.0.1');
  ({ port } = app.getHttpServer().address() as { port: number });
  origin = `http://127.0.0.1:${String(port)}`;
});

afterAll(async () => {
  await app.close();
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function ask(path: string, init: RequestInit & { duplex?: 'half' } = {}): Promise<Answer> {
  const response = await fetch(origin + path, init);
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  });
}

/** What a server answers to bytes that no HTTP client would send. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.setTimeout(3000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (bytes) => (answer += bytes.toString()));
    socket.on('close', () => {
      resolve(answer);
    });
    socket.on('error', reject);
  });
}

const orders = `/v1/sales/${id}/orders`;
const purchase = { items: [{ ticketTypeId: id, quantity: 2 }], answers: { email: 'a@b.example' } };

describe('a request that is in order', () => {
  test('when a buyer posts, then the handler gets what it declared', async () => {
    const answer = await post(orders, purchase, { 'idempotency-key': 'k 1' });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({ saleId: id, buyerId: 'buyer-1', key: 'k 1', body: purchase });
  });

  test('when it brings a request id, then the answer has it; else a new one', async () => {
    expect((await ask('/v1/sales', { headers: { 'x-request-id': 'abc-1' } })).headers.get('x-request-id')).toBe(
      'abc-1',
    );
    expect((await ask('/v1/sales', { headers: { 'x-request-id': 'a b' } })).headers.get('x-request-id')).toMatch(
      /^[\da-f-]{36}$/,
    );
  });

  test.each([undefined, {}])('when a route takes no body, then %p will do', async (body) => {
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
    const answer = await ask(`/v1/sales/${id}/confirm`, {
      method: 'POST',
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    expect(answer.status).toBe(200);
  });

  test('when the content type names UTF-8, then it is JSON all the same', async () => {
    expect((await post(orders, purchase, { 'content-type': 'Application/JSON;charset="UTF-8"' })).status).toBe(202);
  });

  test('when HEAD is asked where GET is, then it answers without a body', async () => {
    const answer = await ask('/v1/sales', { method: 'HEAD' });
    expect([answer.status, answer.body]).toEqual([200, {}]);
  });
});

describe('the answer to a refusal', () => {
  test('when anything is refused, then it is a problem document', async () => {
    const { status, headers, body } = await ask(`${orders}?secret=1`, { method: 'POST' });
    expect(status).toBe(401);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('www-authenticate')).toBe('Bearer');
    expect(body).toEqual({
      type: 'urn:sluice:problem:unauthenticated',
      title: 'A valid bearer token is required',
      status: 401,
      code: 'unauthenticated',
      detail: expect.any(String),
      instance: orders,
      requestId: headers.get('x-request-id'),
    });
  });

  test('when a handler has a bug, then it is a 500 that says nothing, and the log says all', async () => {
    const answer = await ask(`/v1/sales/${id}/fail`, { headers: { authorization: `Bearer ${token}` } });
    expect([answer.status, answer.body['code']]).toEqual([500, 'internal']);
    expect(JSON.stringify(answer.body)).not.toMatch(/ detail|spec\.ts/);
    expect(logged).toMatch(/internal .* detail/);
    expect(logged).toContain(String(answer.body['requestId']));
    expect(logged).not.toContain(token);
  });

  test("when a guard of Nest's refuses, then it is a problem like any other", async () => {
    const answer = await ask(`/v1/sales/${id}/guarded`, { headers: { authorization: `Bearer ${token}` } });
    expect([answer.status, answer.body['code']]).toEqual([403, 'forbidden']);
  });

  test('when a refusal says when to retry, then Retry-After is in whole seconds; a 503 always has it', async () => {
    const headers = { authorization: `Bearer ${token}` };
    expect((await ask(`/v1/sales/${id}/soon`, { headers })).headers.get('retry-after')).toBe('2');
    const busy = await ask(`/v1/sales/${id}/busy`, { headers });
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '1']);
  });
});

describe('which refusal comes first', () => {
  const large = 'x'.repeat(16 * 1024 + 1);
  const text = { 'content-type': 'text/plain' };
  const nobody = { authorization: 'Bearer nobody' };

  test.each<[string, number, string, unknown, Record<string, string>]>([
    ['401 before 413', 401, orders, large, { ...nobody, ...text }],
    ['413 before 415', 413, orders, large, text],
    ['413 before 400', 413, `${orders}?x=1`, large, {}],
    ['415 before 400', 415, `${orders}?x=1`, '{', text],
    ['400 for the body before 404', 400, '/v1/sales/none/orders', {}, {}],
    ['400 for the query before 404', 400, '/v1/sales/none/orders?x=1', purchase, {}],
    ['400 for the idempotency key before 404', 400, '/v1/sales/none/orders', purchase, { 'idempotency-key': '' }],
    ['404 for an id that is none', 404, '/v1/sales/none/orders', purchase, {}],
    ['404 for an id in capitals', 404, orders.replace('7000-8000', '7000-A000'), purchase, {}],
    ['404 for a path that is none, without reading the body', 404, '/v1/none', '{', nobody],
  ])('%s', async (_, status, path, body, headers) => {
    const answer = await post(path, body, headers);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  test.each(['none', id.toUpperCase().replace('7000', 'A000'), `${id}0`, '%00'])(
    'when an id is %s, then the handler is asked for the id of nothing',
    async (other) => {
      const { body } = await post(`/v1/sales/${other}/confirm`, {});
      expect(body).toEqual({ saleId: '00000000-0000-0000-0000-000000000000' });
    },
  );

  test('when a body without a length is too large, then 413 comes before 415', async () => {
    const body = new Blob([large]).stream();
    const answer = await ask(orders, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, ...text },
      body,
      duplex: 'half',
    });
    expect(answer.status).toBe(413);
  });

  test('when an administrator sends more than a buyer may, then it is read', async () => {
    const answers = { text: 'x'.repeat(200 * 1024) };
    const admin = { authorization: `Bearer ${keys.admin}` };
    expect((await post('/v1/admin/sales', { ...purchase, answers }, admin)).status).toBe(201);
    expect((await post('/v1/admin/sales', 'x'.repeat(256 * 1024 + 1), admin)).status).toBe(413);
  });
});

describe('bodies', () => {
  const json = (text: string): Uint8Array => new TextEncoder().encode(text);
  const deep = (open: string, close: string, levels: number): string => open.repeat(levels) + close.repeat(levels);

  test.each<[string, string, Uint8Array]>([
    ['bytes that are not UTF-8', 'malformed_json', new Uint8Array([0x22, 0xff, 0x22])],
    ['no JSON', 'malformed_json', json('{"items":')],
    ['__proto__', 'malformed_json', json('{"__proto__":{"x":1}}')],
    ['an escaped __proto__', 'malformed_json', json('{"\\u005f_proto__":{"x":1}}')],
    ['constructor.prototype', 'malformed_json', json('{"constructor":{"prototype":{}}}')],
    ['no object', 'validation_failed', json('[]')],
    ['null', 'validation_failed', json('null')],
    ['U+0000', 'validation_failed', json('{"items":[],"answers":{"a":"\\u0000"}}')],
    ['a lone surrogate in a name', 'validation_failed', json('{"answers":{"\\ud800":1}}')],
    ['a number beyond JSON', 'validation_failed', json('{"answers":{"a":1e999}}')],
    ['lists 8,000 levels deep', 'validation_failed', json(deep('[', ']', 8000))],
    ['objects 2,500 levels deep', 'validation_failed', json(`${'{"a":'.repeat(2500)}1${'}'.repeat(2500)}`)],
  ])('when it is %s, then 400', async (_, code, body) => {
    const answer = await post(orders, body);
    expect([answer.status, answer.body['code']]).toEqual([400, code]);
  });

  test('when the JSON of an administrator is 100,000 levels deep, then 400', async () => {
    const answer = await post('/v1/admin/sales', deep('[', ']', 100_000), { authorization: `Bearer ${keys.admin}` });
    expect(answer.body['code']).toBe('validation_failed');
  });

  test('when fields are wrong, then each is named with its place', async () => {
    const answer = await post(orders, {
      items: [{ ticketTypeId: id, quantity: 1.5 }, { ticketTypeId: 'x', price: 1 }, 7],
      answers: null,
      coupon: 'c',
    });
    expect(answer.body['errors']).toEqual([
      { path: 'coupon', message: 'is not a known field' },
      { path: 'answers', message: 'must be an object' },
      { path: 'items[0].quantity', message: 'must be an integer from 1 to 10' },
      { path: 'items[1].price', message: 'is not a known field' },
      { path: 'items[1].ticketTypeId', message: 'must be a lower-case UUID' },
      { path: 'items[1].quantity', message: 'is required' },
      { path: 'items[2]', message: 'must be an object' },
    ]);
  });

  test('when a hundred fields are wrong, then twenty are named', async () => {
    const answer = await post(orders, Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`f${String(n)}`, n])));
    expect(answer.body['errors']).toHaveLength(20);
  });

  test.each(['application/json; charset=latin1', 'text/plain', 'application/x-www-form-urlencoded', 'nonsense'])(
    'when the content type is %s, then 415',
    async (type) => {
      expect((await post(orders, purchase, { 'content-type': type })).status).toBe(415);
    },
  );

  test('when the body is compressed, then 415', async () => {
    expect((await post(orders, purchase, { 'content-encoding': 'gzip' })).status).toBe(415);
  });

  test('when a route takes no body, then a field is refused', async () => {
    expect((await post(`/v1/sales/${id}/confirm`, { a: 1 })).body['errors']).toEqual([
      { path: 'a', message: 'is not a known field' },
    ]);
    expect((await post(`/v1/sales/${id}/confirm`, '[]')).status).toBe(400);
  });

  test('when a body was read whole and refused, then the connection stays', async () => {
    const answer = await raw(
      `POST ${orders} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{` +
        'GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*HTTP\/1\.1 200 /);
  });
});

describe('queries', () => {
  test('when nothing is asked, then there are defaults', async () => {
    expect((await ask('/v1/sales')).body).toEqual({ limit: 50 });
  });

  test('when a cursor is given, then the handler gets the id', async () => {
    const cursor = Buffer.from(id).toString('base64url');
    expect((await ask(`/v1/sales?limit=200&cursor=${cursor}`)).body).toEqual({ limit: 200, cursor: id });
  });

  test.each([
    'limit=0',
    'limit=201',
    'limit=1e1',
    'limit=',
    'limit=%31%00',
    'limit=1&limit=2',
    'cursor=x',
    'cursor=',
    'other=1',
    '__proto__=1',
    'limit=%ff',
  ])('when %s is asked, then 400', async (query) => {
    expect((await ask(`/v1/sales?${query}`)).body['code']).toBe('validation_failed');
  });
});

describe('paths and methods', () => {
  test('when the method is another, then 405 says which would do', async () => {
    const answer = await ask('/v1/sales', { method: 'PUT' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await ask(orders, { method: 'OPTIONS' })).headers.get('allow')).toBe('POST');
    expect(await raw('PROPFIND /v1/sales HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 405 /,
    );
  });

  test.each([
    '/v1/sales/',
    '/V1/sales',
    '/v1/sales/%ff/orders',
    '/v1/sales/%/orders',
    '/%c0%ae',
    `/v1/sales/${'x'.repeat(2000)}/orders`,
    '//',
  ])('when the path is %s, then 404', async (path) => {
    const answer = await ask(path, { headers: { authorization: `Bearer ${token}` } });
    expect([404, 405]).toContain(answer.status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  test('when what comes is no HTTP, then the answer still is a problem document', async () => {
    expect(await raw('nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*application\/problem\+json/);
    expect(await raw(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await raw('OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 404 /);
  });
});

describe('buyers', () => {
  const hmac = (header: object, claims: object, key = secret): string => {
    const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
  };
  const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;
  const hs256 = { alg: 'HS256', typ: 'JWT' };
  const statusWith = async (authorization: string): Promise<number> =>
    (await post(`/v1/sales/${id}/confirm`, {}, { authorization })).status;

  test.each([
    ['another secret', hmac(hs256, { sub: 'a' }, 'another secret of thirty-two bytes')],
    [
      'alg none',
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"a"}').toString('base64url')}.`,
    ],
    ['another algorithm', hmac({ alg: 'HS512' }, { sub: 'a' })],
    ['no signature', hmac(hs256, { sub: 'a' }).replace(/[^.]+$/, '')],
    ['a token that expired', hmac(hs256, { sub: 'a', exp: inSeconds(-60) })],
    ['a token for later', hmac(hs256, { sub: 'a', nbf: inSeconds(60) })],
    ['a wild expiry', hmac(hs256, { sub: 'a', exp: -1e300 })],
    ['no subject', hmac(hs256, {})],
    ['an empty subject', hmac(hs256, { sub: '' })],
    ['a number for a subject', hmac(hs256, { sub: 7 })],
    ['a long subject', hmac(hs256, { sub: 'x'.repeat(256) })],
    ['U+0000 in the subject', hmac(hs256, { sub: 'a\0' })],
    ['a lone surrogate in the subject', hmac(hs256, { sub: 'a\ud800' })],
    ['an administrator’s key', keys.admin],
    ['claims that are none', hmac(hs256, [])],
  ])('when the token has %s, then 401', async (_, forged) => {
    expect(await statusWith(`Bearer ${forged}`)).toBe(401);
  });

  test('when the clocks differ by less than 30 s, then the token is good', async () => {
    expect(
      await statusWith(`bearer ${hmac(hs256, { sub: 'x'.repeat(255), exp: inSeconds(-20), nbf: inSeconds(20) })}`),
    ).toBe(200);
  });

  test.each(['', 'Bearer', `Basic ${token}`, `Bearer ${token} x`])(
    'when the header is %p, then 401',
    async (header) => {
      expect(await statusWith(header)).toBe(401);
    },
  );

  test('when there are two headers, then 401', async () => {
    const header = `Authorization: Bearer ${token}\r\n`;
    const answer = await raw(
      `GET /v1/sales/${id}/busy HTTP/1.1\r\nHost: a\r\n${header}${header}Connection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe('administrators', () => {
  const as = (key: string): { headers: Record<string, string> } => ({ headers: { authorization: `Bearer ${key}` } });

  test('when the role suffices, then the handler gets the administrator', async () => {
    expect((await ask('/v1/admin/sales', as(keys.viewer))).body).toMatchObject({ name: 'vera', role: 'viewer' });
    expect((await ask(`/v1/admin/sales/${id}/open`, { method: 'POST', ...as(keys.operator) })).body).toMatchObject({
      name: 'otto',
      role: 'operator',
    });
    expect((await ask('/v1/admin/sales', as(keys.admin))).status).toBe(200);
  });

  test('when the role does not suffice, then 403, before the body is read', async () => {
    const answer = await post('/v1/admin/sales', '{', { authorization: `Bearer ${keys.operator}` });
    expect([answer.status, answer.body['code']]).toEqual([403, 'forbidden']);
  });

  test.each(['', 'a'.repeat(23), 'a'.repeat(25), 'b'.repeat(24), token])(
    'when the key is %p, then 401',
    async (key) => {
      expect((await ask('/v1/admin/sales', as(key))).status).toBe(401);
    },
  );
});

describe('operations', () => {
  test('when health is asked, then it answers without credentials', async () => {
    expect((await ask('/health/live')).body).toEqual({ status: 'ok' });
    expect((await ask('/health/ready')).body).toEqual({ status: 'ok', checks: {} });
  });

  test('when the document is asked, then it is OpenAPI 3.1 with the refusals of each route', async () => {
    const { body } = await ask('/docs/openapi.json');
    expect(body).toMatchObject({ openapi: '3.1.0' });
    expect(body).toEqual(JSON.parse(JSON.stringify(openApiDocument(app))));
    const operation = (body['paths'] as Record<string, Record<string, Record<string, unknown>>>)[
      '/v1/sales/{saleId}/orders'
    ]?.['post'];
    expect(operation).toMatchObject({
      security: [{ buyer: [] }],
      responses: { 401: {}, 404: {}, 409: { description: '`sold_out`' } },
    });
    expect(JSON.stringify(operation?.['parameters'])).toMatch(/Idempotency-Key.*saleId|saleId.*Idempotency-Key/);
  });

  test('when the page is asked, then all that it loads is served here', async () => {
    const page = await (await fetch(`${origin}/docs`)).text();
    const links = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => new URL(link, `${origin}/docs`));
    expect(links.length).toBeGreaterThan(2);
    for (const link of links) {
      expect(link.origin).toBe(origin);
      expect((await fetch(link)).status).toBe(200);
    }
  });
});

describe('at start-up', () => {
  async function startWith(controller: Type): Promise<unknown> {
    @Module({ controllers: [controller] })
    class Root {}
    const broken = await start(Root);
    return broken.init().then(
      () => 'started',
      (error: unknown) => (error instanceof Error ? error.message : error),
    );
  }

  test('when a route under /v1 does not say who may call it, then nothing starts', async () => {
    @Controller('v1/open')
    class Open {
      @Get()
      get(): void {
        return;
      }
    }
    expect(await startWith(Open)).toMatch(/GET \/v1\/open must say who may call it/);
  });

  test('when a buyer could call what is an administrator’s, then nothing starts', async () => {
    @Access('buyer')
    @Controller('v1/admin/open')
    class Open {
      @Get()
      get(): void {
        return;
      }
    }
    expect(await startWith(Open)).toMatch(/must not have the access buyer/);
  });

  test('when a body is taken without a DTO, then nothing starts', async () => {
    @Access('buyer')
    @Controller('v1/loose')
    class Loose {
      @Post()
      post(@Body() body: Record<string, unknown>): unknown {
        return body;
      }
    }
    expect(await startWith(Loose)).toMatch(/one DTO class/);
  });
});

test('when the application closes, then a request on an open connection gets 503 and the connection ends', async () => {
  const closing = await start(TestModule);
  await closing.listen(0, '127.0.0.1');
  const { port: closingPort } = closing.getHttpServer().address() as { port: number };
  const answer = await new Promise<string>((resolve, reject) => {
    let text = '';
    const ping = 'GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n';
    const socket = connect(closingPort, '127.0.0.1', () => socket.write(ping));
    socket.on('data', (bytes) => {
      if (text === '') {
        closing.getHttpAdapter().beforeClose?.();
        socket.write(ping);
      }
      text += bytes.toString();
    });
    socket.on('close', () => {
      resolve(text);
    });
    socket.on('error', reject);
  });
  expect(answer).toMatch(/200 OK[\s\S]*503 Service Unavailable[\s\S]*"code":"unavailable"/);
  await closing.close();
});

test('when the application drains, then an open connection has one more answer and no new one is taken', async () => {
  const draining = await start(TestModule, { SHUTDOWN_DRAIN_MS: '5000' });
  await draining.listen(0, '127.0.0.1');
  const { port: drainingPort } = draining.getHttpServer().address() as { port: number };
  const ping = 'GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n';
  const socket = connect(drainingPort, '127.0.0.1');
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes.toString();
  });
  socket.write(ping);
  await once(socket, 'data');
  const closed = draining.close();
  await until(() => !draining.getHttpServer().listening);
  const refused = connect(drainingPort, '127.0.0.1');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
  socket.write(ping);
  await once(socket, 'close');
  expect(text).toMatch(/200 OK[\s\S]*200 OK[\s\S]*connection: close/i);
  await closed;
});

test('when the application closes, then it does not wait for a body that never ends', async () => {
  const closing = await start(TestModule);
  await closing.listen(0, '127.0.0.1');
  const { port: closingPort } = closing.getHttpServer().address() as { port: number };
  const socket = connect(closingPort, '127.0.0.1');
  const head = `POST ${orders} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
  // the answer to the first says that the second was taken in hand
  socket.write(`GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n${head}Content-Length: 100\r\n\r\n{`);
  await once(socket, 'data');
  const gone = once(socket, 'close');
  socket.on('error', () => undefined).resume();
  await closing.close();
  await gone;
}, 9_000);
