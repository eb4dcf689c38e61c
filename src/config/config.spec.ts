import { createHash } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';

import { ConfigError, readConfig } from './index.js';

const key = 'k'.repeat(24);
const secret = 's'.repeat(32);
const required = {
  DATABASE_URL: 'postgres://sluice@localhost/sluice',
  REDIS_URL: 'redis://localhost:6379',
  ADMIN_API_KEYS: `ops:${key}`,
  BUYER_JWT_SECRET: secret,
};

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('readConfig', () => {
  test('when only what is required is set, then the rest has its defaults', () => {
    const config = readConfig({ ...required, HOST: '', BUYER_JWT_ISSUER: '' });
    expect(config).toMatchObject({
      port: 3000,
      host: '127.0.0.1',
      redisUrls: ['redis://localhost:6379'],
      buyerTokens: { kind: 'secret', secret },
      buyerAudience: undefined,
      buyerIssuer: undefined,
      apiProcesses: 1,
      queueMaxOrders: 1_000_000,
      queueMaxLagMs: 30_000,
      reconcileIntervalMs: 1000,
      preparedStatements: true,
      retentionDays: Infinity,
      shutdownDrainMs: 0,
      logLevel: 'info',
      traces: null,
    });
    expect([...config.roles]).toEqual(['api', 'worker', 'reconciler']);
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('when everything is wrong, then every variable is named and no value is repeated', () => {
    const wrong = {
      PORT: '3000abc',
      HOST: 'no host',
      ROLES: 'api,boss',
      DATABASE_URL: 'mysql://root:hunter2@localhost/db',
      REDIS_URL: 'http://:hunter2@localhost',
      ADMIN_API_KEYS: 'ops:hunter2',
      BUYER_JWT_SECRET: 'hunter2',
      BUYER_JWKS_URL: 'hunter2',
      API_PROCESSES: '0',
      QUEUE_MAX_ORDERS: '0',
      QUEUE_MAX_LAG_MS: '30s',
      RECONCILE_INTERVAL_MS: '99',
      LOG_LEVEL: 'loud',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'hunter2',
      OTEL_TRACES_SAMPLER_ARG: '1.5',
      DATABASE_PREPARED_STATEMENTS: 'yes',
      RETENTION_DAYS: '0',
      SHUTDOWN_DRAIN_MS: '5001',
    };
    const problems = problemsOf(wrong);
    for (const name of Object.keys(wrong)) expect(problems.join('\n')).toContain(`${name} must be`);
    expect(problems.join('\n')).not.toMatch(/hunter2|3000abc|loud/);
  });

  test('when nothing is set, then what is required is listed', () => {
    expect(problemsOf({}).map((problem) => problem.split(' is required')[0])).toEqual([
      'DATABASE_URL',
      'REDIS_URL',
      'ADMIN_API_KEYS',
      'BUYER_JWT_SECRET or BUYER_JWKS_URL',
    ]);
  });

  test.each([
    ['both a secret and a JWKS', { BUYER_JWKS_URL: 'https://id.example/keys' }],
    ['a secret one byte short', { BUYER_JWT_SECRET: 's'.repeat(31) }],
    ['an integer with a sign', { PORT: '+3000' }],
    ['an integer in hexadecimal', { PORT: '0x10' }],
    ['a port that does not exist', { PORT: '65536' }],
    ['a key that is too short', { ADMIN_API_KEYS: `ops:${key.slice(1)}` }],
    ['a role that does not exist', { ADMIN_API_KEYS: `ops:root:${key}` }],
    ['a digest that is too short', { ADMIN_API_KEYS: 'ops:viewer:sha256:abcd' }],
    ['one key for two names', { ADMIN_API_KEYS: `ops:${key},night:viewer:${key}` }],
    ['more API processes than sense', { API_PROCESSES: '65' }],
    ['a queue bound that is neither a number nor off', { QUEUE_MAX_ORDERS: 'on' }],
    ['a lag that is shorter than a sample', { QUEUE_MAX_LAG_MS: '99' }],
    ['a trailing comma', { ADMIN_API_KEYS: `ops:${key},` }],
    ['an origin with a path', { CORS_ORIGINS: 'https://shop.example/' }],
    ['any origin', { CORS_ORIGINS: '*' }],
    ['a guest session that is neither on nor off', { GUEST_SESSIONS: 'yes' }],
    [
      'guest sessions with a JWKS',
      { BUYER_JWT_SECRET: '', BUYER_JWKS_URL: 'https://id.example/keys', GUEST_SESSIONS: 'on' },
    ],
    ['a cluster with another database', { REDIS_URL: 'redis://a:1/2,redis://b:2' }],
  ])('when there is %s, then it is refused', (_, wrong) => {
    expect(problemsOf({ ...required, ...wrong })).toHaveLength(1);
  });

  test('when the bounds of the queue are off, then there are none', () => {
    const config = readConfig({ ...required, QUEUE_MAX_ORDERS: 'off', QUEUE_MAX_LAG_MS: 'off' });
    expect(config).toMatchObject({ queueMaxOrders: Infinity, queueMaxLagMs: Infinity });
  });

  test('when API processes and bounds of the queue are given, then they are numbers', () => {
    const config = readConfig({ ...required, API_PROCESSES: '4', QUEUE_MAX_ORDERS: '5', QUEUE_MAX_LAG_MS: '100' });
    expect(config).toMatchObject({ apiProcesses: 4, queueMaxOrders: 5, queueMaxLagMs: 100 });
  });

  test('when a key is given in any of its forms, then only its digest is kept', () => {
    const digest = createHash('sha256').update('n'.repeat(24)).digest();
    const config = readConfig({
      ...required,
      ADMIN_API_KEYS: `ops:${key}, night:operator:${'m'.repeat(24)}, night:viewer:sha256:${digest.toString('hex')}`,
    });
    expect(config.adminKeys.map(({ name, role }) => [name, role])).toEqual([
      ['ops', 'admin'],
      ['night', 'operator'],
      ['night', 'viewer'],
    ]);
    expect(config.adminKeys[2]?.sha256).toEqual(digest);
    expect(JSON.stringify(config)).not.toContain(key);
  });

  test('when a collector is given, then spans go to its path, whatever stands before it', () => {
    const tracesOf = (endpoint: string, ratio = '') =>
      readConfig({ ...required, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: ratio }).traces;
    expect(tracesOf('http://otel:4318')).toEqual({ url: 'http://otel:4318/v1/traces', ratio: 1 });
    expect(tracesOf('https://otel/in/', '0.01')).toEqual({ url: 'https://otel/in/v1/traces', ratio: 0.01 });
  });

  test('when several Redis nodes are given, then they are a cluster', () => {
    const { redisUrls } = readConfig({ ...required, REDIS_URL: 'rediss://a:1, rediss://b:2' });
    expect(redisUrls).toEqual(['rediss://a:1', 'rediss://b:2']);
  });
});
