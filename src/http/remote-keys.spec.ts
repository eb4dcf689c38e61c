import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT, type JWTVerifyGetKey } from 'jose';

import { until } from '../../test/support/until.js';
import { remoteKeys, type KeyTimes } from './remote-keys.js';

const times: KeyTimes = { timeoutMs: 500, refreshMs: 60_000, cooldownMs: 60_000, retryMs: 60_000, staleMs: 120_000 };

let server: Server;
let url: URL;
/** what the server answers: keys by their id; null: 500 */
let published: Map<string, object> | null;
let fetches: number;

beforeEach(async () => {
  published = new Map();
  fetches = 0;
  server = createServer((_, response) => {
    fetches += 1;
    if (published === null) response.writeHead(500).end();
    else response.end(JSON.stringify({ keys: [...published.values()] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  url = new URL(`http://127.0.0.1:${String(port)}/keys`);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A key that the server publishes from now on. @returns makes tokens that it signs */
async function publish(kid: string): Promise<() => Promise<string>> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  published?.set(kid, { ...(await exportJWK(publicKey)), kid, alg: 'ES256' });
  return () => new SignJWT({ sub: 'a' }).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
}

async function outcome(keys: JWTVerifyGetKey, token: string): Promise<string> {
  try {
    await jwtVerify(token, keys, { algorithms: ['ES256'] });
    return 'good';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const forged = (kid: string): string =>
  `${Buffer.from(JSON.stringify({ alg: 'ES256', kid })).toString('base64url')}.e30.${'A'.repeat(86)}`;

test('when many tokens come at once, then the keys are fetched once', async () => {
  const token = await (await publish('k1'))();
  const keys = remoteKeys(url, times);
  expect(new Set(await Promise.all(Array.from({ length: 50 }, () => outcome(keys, token))))).toEqual(new Set(['good']));
  expect(fetches).toBe(1);
});

test('when a key is rotated, then tokens of the new one are good at once, and of the withdrawn one no more', async () => {
  const old = await (await publish('k1'))();
  const keys = remoteKeys(url, { ...times, cooldownMs: 0 });
  expect(await outcome(keys, old)).toBe('good');
  published = new Map();
  const young = await (await publish('k2'))();
  expect(await outcome(keys, young)).toBe('good');
  expect(await outcome(keys, old)).toBe('ERR_JWKS_NO_MATCHING_KEY');
});

test('when a flood of tokens names unknown keys, then the server is asked once a cooldown', async () => {
  const token = await (await publish('k1'))();
  const keys = remoteKeys(url, { ...times, cooldownMs: 1500 });
  expect(await outcome(keys, token)).toBe('good');
  expect(fetches).toBe(1);
  const flood = async (): Promise<void> => {
    const outcomes = await Promise.all(Array.from({ length: 200 }, (_, i) => outcome(keys, forged(`unknown-${i}`))));
    expect(new Set(outcomes)).toEqual(new Set(['ERR_JWKS_NO_MATCHING_KEY']));
  };
  await flood();
  expect(fetches).toBe(1); // within the cooldown of the first fetch
  await delay(1510);
  await flood();
  expect(fetches).toBe(2);
});

test('when the server is away, then known keys stay good, and it is not asked by each token', async () => {
  const token = await (await publish('k1'))();
  const keys = remoteKeys(url, { ...times, refreshMs: 50 });
  expect(await outcome(keys, token)).toBe('good');
  published = null;
  await delay(60);
  for (let i = 0; i < 50; i++) expect(await outcome(keys, token)).toBe('good');
  await until(() => fetches === 2);
  for (let i = 0; i < 50; i++) expect(await outcome(keys, token)).toBe('good');
  expect(fetches).toBe(2);
});

test('when the server is away and a key is unknown, then it may be a new one: unavailable, and one fetch', async () => {
  const token = await (await publish('k1'))();
  const keys = remoteKeys(url, { ...times, cooldownMs: 1500 });
  expect(await outcome(keys, token)).toBe('good');
  published = null;
  await delay(1510);
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => outcome(keys, forged(`unknown-${i}`))));
  expect(new Set(answers)).toEqual(new Set(['unavailable']));
  expect(await outcome(keys, forged('unknown'))).toBe('unavailable');
  expect(fetches).toBe(2);
  expect(await outcome(keys, token)).toBe('good');
});

test('when keys could not be fetched for too long, then they are good no more', async () => {
  const token = await (await publish('k1'))();
  const keys = remoteKeys(url, { ...times, cooldownMs: 0, staleMs: 50 });
  expect(await outcome(keys, token)).toBe('good');
  published = null;
  await delay(60);
  expect(await outcome(keys, token)).toBe('unavailable');
});

test('when there have never been keys, then a server that is away is asked again after a pause, not by each token', async () => {
  const token = await (await publish('k1'))();
  const keys = remoteKeys(url, { ...times, retryMs: 1000 });
  const [known, none] = [published, null];
  published = none;
  for (let i = 0; i < 20; i++) expect(await outcome(keys, token)).toBe('unavailable');
  expect(fetches).toBe(1);
  published = known;
  await until(async () => (await outcome(keys, token)) === 'good');
  expect(fetches).toBeLessThanOrEqual(3);
});

test('when keys are older than they should be, then they are refreshed while tokens go on', async () => {
  const token = await (await publish('k1'))();
  const keys = remoteKeys(url, { ...times, refreshMs: 30 });
  expect(await outcome(keys, token)).toBe('good');
  published = new Map();
  await delay(40);
  await until(async () => (await outcome(keys, token)) === 'ERR_JWKS_NO_MATCHING_KEY');
});
