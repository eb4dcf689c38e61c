import { once } from 'node:events';
import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { configureNginx, startNginx } from '../../src/cli/topology/nginx.js';
import { freePort } from '../../src/embedded/index.js';
import type { Supervised } from '../../src/embedded/supervise.js';
import { until } from '../support/until.js';

interface Seen {
  readonly method: string | undefined;
  readonly forwardedFor: string | string[] | undefined;
}

/** Two nodes of which the first hangs up on every request, and the second answers. */
const seen: Seen[] = [];
let hangsUp: Server;
let answers: Server;
let nginx: Supervised;
let dir: string;
let url: string;

beforeAll(async () => {
  hangsUp = createServer((request) => {
    seen.push({ method: request.method, forwardedFor: request.headers['x-forwarded-for'] });
    request.socket.destroy();
  });
  answers = createServer((request, response) => {
    seen.push({ method: request.method, forwardedFor: request.headers['x-forwarded-for'] });
    response.end('{}');
  });
  for (const server of [hangsUp, answers]) await once(server.listen(0, '127.0.0.1'), 'listening');
  dir = await mkdtemp(join(tmpdir(), 'sluice-nginx-'));
  const port = await freePort();
  const nodes = [hangsUp, answers].map((server) => `127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  await configureNginx({ dir, port, nodes, limited: true });
  nginx = await startNginx(dir);
  url = `http://127.0.0.1:${String(port)}`;
  await until(async () => (await fetch(`${url}/metrics`)).status === 404);
});

beforeEach(() => {
  seen.length = 0;
});

afterAll(async () => {
  await nginx.stop();
  for (const server of [hangsUp, answers]) {
    server.close();
    server.closeAllConnections();
  }
  await rm(dir, { recursive: true });
});

test('when a node hangs up, then a GET goes to the next and a POST is sent once', async () => {
  for (let i = 0; i < 4; i++) expect((await fetch(`${url}/v1/sales`)).status).toBe(200);
  seen.length = 0;
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) {
    const answer = await fetch(`${url}/v1/sales/x/orders`, { method: 'POST', body: '{}' });
    statuses.push(answer.status);
    const body = (await answer.json()) as object;
    if (answer.status !== 503) continue;
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(body).toMatchObject({ status: 503, code: 'unavailable', instance: '/v1/sales/x/orders' });
  }
  expect(statuses.sort()).toEqual([200, 200, 503, 503]);
  expect(seen).toHaveLength(4);
});

test('when a client says where it comes from, then the API is told what nginx sees', async () => {
  await fetch(`${url}/v1/sales`, { headers: { 'x-forwarded-for': '203.0.113.9' } });
  for (const { forwardedFor } of seen) expect(forwardedFor).toBe('127.0.0.1');
});

test('when figures are asked for from outside, however it is written, then there are none', async () => {
  for (const path of ['/metrics', '//metrics', '/%6detrics', '/./metrics', '/metrics?x']) {
    const answer = await fetch(`${url}${path}`);
    expect([path, answer.status, answer.headers.get('content-type')]).toEqual([path, 404, 'application/problem+json']);
  }
  expect(seen).toEqual([]);
});

test('when a request has a coding that nobody knows, then 400 as a problem', async () => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.end('POST /v1/sales HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n');
  let answer = '';
  for await (const chunk of socket.setEncoding('utf8')) answer += String(chunk);
  expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*"code":"validation_failed"/);
  expect(seen).toEqual([]);
});

test('when a body is larger than any may be, then 413 as a problem', async () => {
  const answer = await fetch(`${url}/v1/admin/sales`, { method: 'POST', body: 'x'.repeat(300_000) });
  expect(await answer.json()).toMatchObject({ status: 413, code: 'payload_too_large' });
  expect(seen).toEqual([]);
});

test('when one address asks too often, then 429 as a problem, with when to come again; no address is logged', async () => {
  const all = await Promise.all(Array.from({ length: 500 }, () => fetch(`${url}/v1/sales?secret=1`)));
  const refused = all.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  const [first] = refused;
  expect(await first?.json()).toMatchObject({ status: 429, code: 'rate_limited', instance: '/v1/sales' });
  expect(Object.fromEntries(first?.headers ?? [])).toMatchObject({
    'retry-after': '1',
    'x-ratelimit-type': 'local-ip',
  });
  const log = await readFile(join(dir, 'nginx.log'), 'utf8');
  expect(log).toContain('"path":"/v1/sales"');
  expect(log.replace(/"upstream":"[^"]*"/g, '')).not.toMatch(/127\.0\.0\.1|secret/);
});
