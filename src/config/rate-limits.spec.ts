import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { ConfigError, readConfig, type Config } from './index.js';

const required = {
  DATABASE_URL: 'postgres://sluice@localhost/sluice',
  REDIS_URL: 'redis://localhost:6379',
  ADMIN_API_KEYS: `ops:${'k'.repeat(24)}`,
  BUYER_JWT_SECRET: 's'.repeat(32),
};

const config = (env: Record<string, string> = {}): Config => readConfig({ ...required, ...env });

function problemsOf(env: Record<string, string>): string {
  try {
    config(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join('\n');
    throw error;
  }
  return '';
}

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sluice-limits-'));
});
afterAll(() => rm(dir, { recursive: true }));

let files = 0;
async function file(content: string): Promise<string> {
  const path = join(dir, `limits-${(files += 1)}`);
  await writeFile(path, content);
  return path;
}

describe('the environment', () => {
  test('when nothing is said, then the contract’s defaults hold', () => {
    const { rateLimits, rateLimitFailureMode, trustProxy } = config();
    expect(rateLimits).toEqual({
      ip: { capacity: 100, windowMs: 1000 },
      buyer: { capacity: 10, windowMs: 1000 },
      global: { capacity: 20_000, windowMs: 1000 },
      tiers: new Map(),
      ticketsPerToken: 2,
    });
    expect([rateLimitFailureMode, trustProxy]).toEqual(['open', []]);
  });

  test('when limits are given, then they are read in every unit', () => {
    const { rateLimits, trustProxy } = config({
      RATE_LIMIT_IP: '5/500ms',
      RATE_LIMIT_BUYER: '1/2m',
      RATE_LIMIT_GLOBAL: 'off',
      RATE_LIMIT_BUYER_TIERS: 'vip:50/1s, bot:1/1h, staff:off',
      RATE_LIMIT_TICKETS_PER_TOKEN: 'off',
      TRUST_PROXY: '10.0.0.0/8, 2001:db8::1, ::1/128',
    });
    expect(rateLimits).toEqual({
      ip: { capacity: 5, windowMs: 500 },
      buyer: { capacity: 1, windowMs: 120_000 },
      global: null,
      tiers: new Map([
        ['vip', { capacity: 50, windowMs: 1000 }],
        ['bot', { capacity: 1, windowMs: 3_600_000 }],
        ['staff', null],
      ]),
      ticketsPerToken: null,
    });
    expect(trustProxy).toEqual(['10.0.0.0/8', '2001:db8::1', '::1/128']);
  });

  test.each([
    ['RATE_LIMIT_IP', '0/1s'],
    ['RATE_LIMIT_IP', '10/0s'],
    ['RATE_LIMIT_IP', '10/25h'],
    ['RATE_LIMIT_IP', '10/s'],
    ['RATE_LIMIT_IP', '1.5/1s'],
    ['RATE_LIMIT_IP', '10000000000/1s'],
    ['RATE_LIMIT_BUYER', 'OFF'],
    ['RATE_LIMIT_GLOBAL', '-1/1s'],
    ['RATE_LIMIT_BUYER_TIERS', 'vip'],
    ['RATE_LIMIT_BUYER_TIERS', 'vip:1/1s,'],
    ['RATE_LIMIT_BUYER_TIERS', 'vip:1/1s,vip:2/1s'],
    ['RATE_LIMIT_BUYER_TIERS', 'vip:1/1s:2'],
    ['RATE_LIMIT_TICKETS_PER_TOKEN', '0'],
    ['RATE_LIMIT_FAILURE_MODE', 'ajar'],
    ['TRUST_PROXY', 'on'],
    ['TRUST_PROXY', '10.0.0.0/33'],
    ['TRUST_PROXY', '::1/129'],
    ['TRUST_PROXY', '10.0.0.1,'],
  ])('when %s is %j, then it is refused, and not repeated', (name, text) => {
    const problems = problemsOf({ [name]: text });
    expect(problems).toMatch(new RegExp(`^${name} must be`));
    expect(problems).not.toContain('\n');
  });
});

describe('a file', () => {
  const wanted = {
    ip: { capacity: 7, windowMs: 1000 },
    buyer: null,
    global: { capacity: 9, windowMs: 60_000 },
    tiers: new Map([
      ['vip', { capacity: 50, windowMs: 1000 }],
      ['bot', null],
    ]),
    ticketsPerToken: 4,
  };

  test.each([
    ['YAML', 'ip: 7/1s\nbuyer: off\nglobal: 9/1m\ntiers:\n  vip: 50/1s\n  bot: off\nticketsPerToken: 4\n'],
    ['JSON', '{"ip":"7/1s","buyer":false,"global":"9/1m","tiers":{"vip":"50/1s","bot":"off"},"ticketsPerToken":4}'],
    [
      'the variables’ names',
      'RATE_LIMIT_IP: 7/1s\nRATE_LIMIT_BUYER: off\nRATE_LIMIT_GLOBAL: 9/1m\n' +
        'RATE_LIMIT_BUYER_TIERS: vip:50/1s,bot:off\nRATE_LIMIT_TICKETS_PER_TOKEN: 4\n',
    ],
  ])('when it is written as %s, then its limits hold', async (_, content) => {
    expect(config({ RATE_LIMITS_FILE: await file(content) }).rateLimits).toEqual(wanted);
  });

  test('when the environment says something else, then the environment wins, and the defaults come last', async () => {
    const RATE_LIMITS_FILE = await file('ip: 7/1s\nbuyer: 8/1s\ntiers: { vip: 50/1s }\n');
    const { rateLimits } = config({ RATE_LIMITS_FILE, RATE_LIMIT_IP: '3/1s', RATE_LIMIT_BUYER_TIERS: 'bot:1/1s' });
    expect(rateLimits).toMatchObject({
      ip: { capacity: 3 },
      buyer: { capacity: 8 },
      global: { capacity: 20_000 },
      tiers: new Map([['bot', { capacity: 1, windowMs: 1000 }]]),
    });
  });

  test('when it is read again, then what it says now holds, and the environment still wins', async () => {
    const path = await file('');
    const read = config({ RATE_LIMITS_FILE: path, RATE_LIMIT_IP: '3/1s' });
    expect(read.rateLimits.buyer).toMatchObject({ capacity: 10 });
    await writeFile(path, 'buyer: 5/1s\nip: 1/1s');
    expect(read.readRateLimits()).toMatchObject({ ip: { capacity: 3 }, buyer: { capacity: 5 } });
  });

  test.each([
    ['a limit that is none', 'ip: 7'],
    ['an unknown name', 'ips: 7/1s'],
    ['a name of every object', '__proto__: 7/1s'],
    ['one limit twice', 'ip: 7/1s\nRATE_LIMIT_IP: 8/1s'],
    ['one name twice', 'ip: 7/1s\nip: 8/1s'],
    ['a list', '- ip: 7/1s'],
    ['a text', 'nothing'],
    ['no YAML', 'ip: [7/1s'],
    ['a tier that is none', 'tiers: { vip: 50 }'],
    ['tiers in a name', 'tiers: { "vip:1/1s,bot": 1/1s }'],
    ['bombs', 'a: &a [1]\nb: &b [*a, *a]\nip: [*b, *b]'],
  ])('when it has %s, then it is refused at the start and when it is read again', async (_, content) => {
    const path = await file(content);
    expect(problemsOf({ RATE_LIMITS_FILE: path })).toMatch(/^RATE_LIMITS_FILE must be a good file: /);
    const good = await file('ip: 7/1s');
    const read = config({ RATE_LIMITS_FILE: good });
    await writeFile(good, content);
    expect(() => read.readRateLimits()).toThrow(expect.objectContaining({ name: 'RateLimitsFileError' }));
  });

  test('when it is not there, then it is refused', () => {
    expect(problemsOf({ RATE_LIMITS_FILE: join(dir, 'none') })).toContain('it cannot be read (ENOENT)');
  });
});
