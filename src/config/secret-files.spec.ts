import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { ConfigError, readConfig } from './index.js';
import { secretNames } from './secret-files.js';

const secrets: Record<(typeof secretNames)[number], string> = {
  DATABASE_URL: 'postgres://sluice@localhost/sluice',
  REDIS_URL: 'redis://localhost:6379',
  ADMIN_API_KEYS: `ops:${'k'.repeat(24)}`,
  BUYER_JWT_SECRET: 's'.repeat(32),
  PAYMENT_WEBHOOK_SECRET: ' w ',
};

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-secrets-'));
});

afterAll(() => {
  rmSync(dir, { recursive: true });
});

function fileWith(text: string): string {
  const file = join(dir, String(Math.random()));
  writeFileSync(file, text);
  return file;
}

function inFiles(end: string): Record<string, string> {
  return Object.fromEntries(secretNames.map((name) => [`${name}_FILE`, fileWith(secrets[name] + end)]));
}

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test.each(['', '\n', '\r\n'])(
  'when every secret is in a file that ends with %j, then it is what the file has',
  (end) => {
    const config = readConfig(inFiles(end));
    expect(config).toMatchObject({
      databaseUrl: secrets.DATABASE_URL,
      redisUrls: [secrets.REDIS_URL],
      buyerTokens: { kind: 'secret', secret: secrets.BUYER_JWT_SECRET },
      paymentWebhookSecret: secrets.PAYMENT_WEBHOOK_SECRET,
    });
    expect(config.adminKeys).toHaveLength(1);
  },
);

test.each(secretNames)('when %s is given both ways, then that is said', (name) => {
  const problems = problemsOf({ ...inFiles(''), [name]: secrets[name] });
  expect(problems).toEqual([`${name} and ${name}_FILE must not both be set`]);
});

test.each(secretNames)('when the file of %s is missing, a folder or empty, then only that is said', (name) => {
  for (const file of [join(dir, 'nowhere'), dir, fileWith('\n')]) {
    const problems = problemsOf({ ...inFiles(''), [`${name}_FILE`]: file });
    expect(problems).toEqual([expect.stringMatching(new RegExp(`^${name}_FILE must .*${file}`))]);
  }
});

test('when a file has a wrong secret, then its text is not repeated', () => {
  const problems = problemsOf({ ...inFiles(''), BUYER_JWT_SECRET_FILE: fileWith('hunter2') });
  expect(problems).toEqual(['BUYER_JWT_SECRET must be 32 bytes or longer']);
});
