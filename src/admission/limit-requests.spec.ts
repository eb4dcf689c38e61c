import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { startTestRedis, type TestRedis } from '../../test/support/servers.js';
import { until } from '../../test/support/until.js';
import { readConfig } from '../config/index.js';
import { RedisServer } from '../redis/index.js';
import { LimitRequests, maxRemembered } from './limit-requests.js';
import { TokenStore } from './token.store.js';

let server: TestRedis;
let redis: RedisServer;
let store: TokenStore;
let dir: string;
beforeAll(async () => {
  Logger.overrideLogger(false);
  dir = await mkdtemp(join(tmpdir(), 'sluice-limits-'));
  server = await startTestRedis();
  redis = new RedisServer([server.url], () => undefined);
  await redis.open();
  store = new TokenStore(redis);
  await store.onModuleInit();
});
afterAll(async () => {
  store.onApplicationShutdown();
  redis.close();
  await server.remove();
  await rm(dir, { recursive: true });
});

function limitsWith(env: Record<string, string>, tokens = store): LimitRequests {
  const config = readConfig({
    DATABASE_URL: 'postgres://localhost/none',
    REDIS_URL: server.url,
    ADMIN_API_KEYS: `ops:${'k'.repeat(24)}`,
    BUYER_JWT_SECRET: 's'.repeat(32),
    ...env,
  });
  return new LimitRequests(config, tokens);
}

/** As much of a request and of its reply as a limit looks at. */
function ask(limits: LimitRequests, clientAddress: string, buyerId = ''): Promise<string> {
  const request = { clientAddress, buyerId, buyerTier: undefined } as unknown as FastifyRequest;
  const reply = { header: () => reply } as unknown as FastifyReply;
  return new Promise((resolve) => {
    limits.screen(request, reply, (refusal) => {
      if (refusal !== undefined) resolve(refusal.code);
      else
        limits.take(request, reply, (other) => {
          resolve(other?.code ?? 'in');
        });
    });
  });
}

test('when 120,000 addresses and buyers come once each, then a node remembers 50,000 of each, and Redis none in the end', async () => {
  const limits = limitsWith({ RATE_LIMIT_GLOBAL: 'off' });
  const wave = async (first: number, count: number): Promise<void> => {
    const asked = Array.from({ length: count }, (_, i) => {
      const n = first + i;
      return ask(limits, `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, `buyer-${n}`);
    });
    expect((await Promise.all(asked)).every((answer) => answer === 'in')).toBe(true);
  };
  for (let n = 0; n < 120_000; n += 5000) await wave(n, 5000);
  expect(limits.remembered).toEqual({ addresses: maxRemembered, buyers: maxRemembered });
  expect(maxRemembered).toBe(50_000);
  await until(async () => (await redis.client.dbsize()) === 0, { timeoutMs: 20_000 });
}, 60_000);

test('when an address fell out of memory, then Redis still knows it', async () => {
  const limits = limitsWith({ RATE_LIMIT_IP: '2/1h', RATE_LIMIT_GLOBAL: 'off' });
  expect([await ask(limits, 'a'), await ask(limits, 'a'), await ask(limits, 'a')]).toEqual([
    'in',
    'in',
    'rate_limited',
  ]);
  const fresh = limitsWith({ RATE_LIMIT_IP: '2/1h', RATE_LIMIT_GLOBAL: 'off' });
  expect(await ask(fresh, 'a')).toBe('rate_limited');
});

test('when the file changes, then new limits hold once it is read again; a wrong one changes nothing', async () => {
  const file = join(dir, 'limits.yaml');
  await writeFile(file, 'ip: 2/1h\nglobal: off\n');
  const limits = limitsWith({ RATE_LIMITS_FILE: file });
  const passes = async (address: string): Promise<number> => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(limits, address)));
    return answers.filter((answer) => answer === 'in').length;
  };
  expect(await passes('r1')).toBe(2);
  await writeFile(file, 'ip: 5/1h\nglobal: off\n');
  expect(await passes('r2')).toBe(2);
  limits.reload();
  expect(await passes('r3')).toBe(5);
  await writeFile(file, 'ip: many\n');
  limits.reload();
  expect(await passes('r4')).toBe(5);
  await rm(file);
  limits.reload();
  expect(await passes('r5')).toBe(5);
});

test('when Redis is a Cluster, then the buckets of a request are taken from together all the same', async () => {
  const node = await startTestRedis({
    appendfsync: 'no',
    args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
  });
  const setUp = new RedisServer([node.url], () => undefined);
  await setUp.open();
  await setUp.client.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
  await until(async () => String(await setUp.client.call('CLUSTER', 'INFO')).includes('cluster_state:ok'), {
    timeoutMs: 15_000, // a new node waits before it says so
  });
  const cluster = new TokenStore(new RedisServer([node.url, node.url], () => undefined));
  try {
    await cluster.onModuleInit();
    const limits = limitsWith({ RATE_LIMIT_IP: '5/1h', RATE_LIMIT_BUYER: '2/1h', RATE_LIMIT_GLOBAL: '99/1h' }, cluster);
    const answers = [];
    for (const buyer of ['ann', 'ann', 'ann', 'bob', 'bob', 'cid', 'cid']) answers.push(await ask(limits, 'a', buyer));
    expect(answers).toEqual(['in', 'in', 'rate_limited', 'in', 'in', 'in', 'rate_limited']);
    expect((await setUp.client.keys('*')).sort()).toEqual([
      ...['buyer:ann', 'buyer:bob', 'buyer:cid'].map((name) => `sluice:{limits}:${name}`),
      'sluice:{limits}:global',
      'sluice:{limits}:ip:a',
    ]);
  } finally {
    cluster.onApplicationShutdown();
    setUp.close();
    await node.remove();
  }
});
