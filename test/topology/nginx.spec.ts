/**
 * @needs nginx
 * @needs openssl
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { get } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { configureNginx, startNginx } from '../../src/cli/topology/nginx.js';
import { freePort } from '../../src/embedded/index.js';
import type { Supervised } from '../../src/embedded/supervise.js';
import { until } from '../support/until.js';

interface Seen {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly forwardedFor: string | string[] | undefined;
  readonly forwardedProto: string | string[] | undefined;
}

const compose = fileURLToPath(new URL('../../ops/compose/', import.meta.url));

/** Two nodes of which the first hangs up on every request, and the second answers. */
const seen: Seen[] = [];
let hangsUp: Server;
let answers: Server;
const started: Supervised[] = [];
let dir: string;
let url: string;

beforeAll(async () => {
  hangsUp = createServer((request) => {
    see(request);
    request.socket.destroy();
  });
  answers = createServer((request, response) => {
    see(request);
    if (request.url?.startsWith('/assets/') === true) {
      response.setHeader('cache-control', 'public, max-age=31536000, immutable');
      response.setHeader('vary', 'accept-encoding');
      response.setHeader('x-request-id', String(request.headers['x-request-id']));
    }
    response.end('{}');
  });
  for (const server of [hangsUp, answers]) await once(server.listen(0, '127.0.0.1'), 'listening');
  dir = await mkdtemp(join(tmpdir(), 'sluice-nginx-'));
  await chmod(dir, 0o711); // root's nginx keeps files under another account
  url = await startWith(join(dir, 'first'), [hangsUp, answers]);
  await until(async () => (await fetch(`${url}/metrics`)).status === 404);
});

function see({ method, url: path, headers }: IncomingMessage): void {
  seen.push({
    method,
    path,
    forwardedFor: headers['x-forwarded-for'],
    forwardedProto: headers['x-forwarded-proto'],
  });
}

/** @param change of the configuration before the start. @returns where that nginx listens */
async function startWith(
  folder: string,
  nodes: readonly Server[],
  change: (port: number) => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  const port = await freePort();
  const addresses = nodes.map((server) => `127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  await configureNginx({ dir: folder, port, nodes: addresses, limited: true });
  await change(port);
  started.push(await startNginx(folder));
  return `http://127.0.0.1:${String(port)}`;
}

beforeEach(() => {
  seen.length = 0;
});

afterAll(async () => {
  for (const nginx of started) await nginx.stop();
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
  await fetch(`${url}/v1/sales`, { headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' } });
  expect(seen.length).toBeGreaterThan(0);
  for (const { forwardedFor, forwardedProto } of seen)
    expect([forwardedFor, forwardedProto]).toEqual(['127.0.0.1', 'http']);
});

test('when a trusted proxy says where a client comes from, then the API is told, and each client has its own limits', async () => {
  const behind = await startWith(join(dir, 'behind'), [answers], async () => {
    const trusted = (await readFile(join(compose, 'behind-proxy.conf'), 'utf8')).replace('172.30.9.1', '127.0.0.1');
    await writeFile(join(dir, 'behind', 'proxies.conf'), trusted);
  });
  const ask = (from: string, proto = 'https'): Promise<Response> =>
    fetch(`${behind}/v1/sales`, { headers: { 'x-forwarded-for': from, 'x-forwarded-proto': proto } });
  await until(async () => (await ask('203.0.113.1')).ok);
  seen.length = 0;
  // the last address is the one that the proxy itself saw
  await ask('198.51.100.7, 203.0.113.9');
  await ask('203.0.113.9', 'javascript');
  expect(seen.map(({ forwardedFor, forwardedProto }) => [forwardedFor, forwardedProto])).toEqual([
    ['203.0.113.9', 'https'],
    ['203.0.113.9', 'http'],
  ]);
  const flood = await Promise.all(Array.from({ length: 500 }, () => ask('203.0.113.66')));
  expect(new Set(flood.map(({ status }) => status))).toEqual(new Set([200, 429]));
  expect((await ask('203.0.113.9')).status).toBe(200);
});

test('when nginx speaks TLS itself, then the API is told so, and the plain port answers this machine alone', async () => {
  const folder = join(dir, 'tls');
  const port = await freePort();
  const plain = await startWith(folder, [answers], async (plainPort) => {
    await promisify(execFile)('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=localhost'],
      ...['-keyout', join(folder, 'tls_key'), '-out', join(folder, 'tls_certificate')],
    ]);
    const listen = await readFile(join(compose, 'tls.conf'), 'utf8');
    expect(listen).toContain('listen 127.0.0.1:8080;');
    await writeFile(
      join(folder, 'listen.conf'),
      listen
        .replace('listen 8443', `listen 127.0.0.1:${port}`)
        .replace('127.0.0.1:8080', `127.0.0.1:${plainPort}`)
        .replaceAll('/run/secrets', folder),
    );
  });
  await until(async () => (await fetch(`${plain}/v1/sales`)).ok);
  seen.length = 0;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`https://127.0.0.1:${port}/v1/sales`, { rejectUnauthorized: false }, resolve).on('error', reject);
  });
  answer.resume();
  expect(answer.statusCode).toBe(200);
  expect(seen).toMatchObject([{ forwardedProto: 'https' }]);
});

test('when many load the page, then the nodes are asked once for each of its files', async () => {
  const load = async (query = ''): Promise<string | null> => {
    const answer = await fetch(`${url}/assets/page-1a2b3c.js${query}`);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable']);
    return answer.headers.get('x-request-id');
  };
  await load();
  seen.length = 0;
  const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => load(`?${i}`)));
  expect(seen).toEqual([]);
  expect(new Set(ids).size).toBe(20);
  await fetch(`${url}/v1/sales`);
  expect(seen.length).toBeGreaterThan(0);
});

test('when figures or readiness are asked for from outside, however it is written, then there are none', async () => {
  const written = (path: string): string[] => [path, `/${path}`, path.replace('e', '%65'), `/.${path}`, `${path}?x`];
  for (const path of [...written('/metrics'), ...written('/health/ready')]) {
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
  const log = await readFile(join(dir, 'first', 'nginx.log'), 'utf8');
  expect(log).toContain('"path":"/v1/sales"');
  expect(log.replace(/"upstream":"[^"]*"/g, '')).not.toMatch(/127\.0\.0\.1|secret/);
});
