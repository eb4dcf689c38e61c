import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Client, Pool } from 'pg';

import { createTestDatabase, startTestServers, type TestServers } from './servers.js';

let servers: TestServers;

beforeAll(async () => {
  servers = await startTestServers();
});

afterAll(() => servers.stop());

describe('startTestServers', () => {
  test('when a test file starts, then its database is migrated', async () => {
    const tables = await rowsOf(
      servers.databaseUrl,
      "SELECT to_regclass('_prisma_migrations') IS NOT NULL AS migrated",
    );
    expect(tables).toEqual([{ migrated: true }]);
  });

  test('when Redis is killed and restarted, then clients reconnect and find what was answered', async () => {
    const redis = new Redis(servers.redisUrl);
    redis.on('error', () => undefined);
    try {
      await redis.set('note', 'kept');
      const before = servers.redis.pid;
      await servers.redis.kill();
      await servers.redis.restart();
      expect(await redis.get('note')).toBe('kept');
      expect(servers.redis.pid).not.toBe(before);
    } finally {
      redis.disconnect();
    }
  });

  test('when Redis is frozen, then it can still be restarted', async () => {
    await servers.redis.kill('SIGSTOP');
    await servers.redis.restart();
    const redis = new Redis(servers.redisUrl);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });
});

describe('createTestDatabase', () => {
  test('when a pool is left open, then drop fails, names the connection, and the database is gone all the same', async () => {
    const database = await createTestDatabase();
    const pool = new Pool({ connectionString: database.url, application_name: 'forgotten' });
    pool.on('error', () => undefined);
    await pool.query('SELECT 1');
    await expect(database.drop()).rejects.toThrow('forgotten, idle: SELECT 1');
    await expect(rowsOf(database.url, 'SELECT 1')).rejects.toThrow('does not exist');
    await pool.end();
  });

  test('when all connections were closed, then drop succeeds', async () => {
    const database = await createTestDatabase({ empty: true });
    expect(await rowsOf(database.url, "SELECT to_regclass('_prisma_migrations') AS found")).toEqual([{ found: null }]);
    await database.drop();
  });
});

async function rowsOf(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows;
  } finally {
    await client.end();
  }
}
