import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { startTestRedis, type TestRedis } from '../../test/support/servers.js';
import { until } from '../../test/support/until.js';
import { RedisServer } from './redis-server.js';

let server: TestRedis;
let control: Redis;
let redis: RedisServer;
beforeEach(async () => {
  server = await startTestRedis({ appendfsync: 'no', args: ['--repl-diskless-sync-delay', '0'] });
  control = new Redis(server.url);
  control.on('error', () => undefined); // it is killed in a test
  redis = new RedisServer([server.url], () => undefined);
});
afterEach(async () => {
  redis.close();
  control.disconnect();
  await server.remove();
});

async function isAlone(): Promise<void> {
  await until(() => !redis.mayBeReplaced);
}

test('when nothing is known of a server yet, or it is gone, then it may be replaced; when it is alone, then not', async () => {
  expect(redis.mayBeReplaced).toBe(true);
  await redis.open();
  await isAlone();
  await server.kill();
  await until(() => redis.mayBeReplaced);
  await server.restart();
  await isAlone();
});

test('when it has a replica, then it may be replaced, and so may both after they have parted for good', async () => {
  await redis.open();
  await isAlone();
  const replica = await startTestRedis({ args: ['--replicaof', '127.0.0.1', String(server.port)] });
  const other = new RedisServer([replica.url], () => undefined);
  try {
    await until(() => redis.mayBeReplaced);
    await until(async () => (await control.info('replication')).includes('state=online'), { timeoutMs: 15_000 });
    await control.set('written', 'to both');
    await control.wait(1, 5000);
    await control.config('SET', 'repl-backlog-ttl', '1');
    const promoted = new Redis(replica.url);
    await promoted.replicaof('NO', 'ONE');
    promoted.disconnect();
    await until(async () => (await control.info('replication')).includes('repl_backlog_active:0'), {
      timeoutMs: 15_000,
    });
    await other.open();
    // a node that comes only now looks as well
    const late = new RedisServer([server.url], () => undefined);
    await late.open();
    for (const each of [redis, other, late]) {
      const looked = await each.call((client) => client.info('replication')); // comes after the node's own look
      expect([looked.includes('connected_slaves:0'), each.mayBeReplaced]).toEqual([true, true]);
    }
    late.close();
  } finally {
    other.close();
    await replica.remove();
  }
});

test('when a server does not let us ask, then it may be replaced', async () => {
  await control.acl('SETUSER', 'default', '-info');
  await redis.open();
  await until(async () => {
    await redis.ping();
    return true;
  });
  expect(redis.mayBeReplaced).toBe(true);
});

test('when it answers no more, then it may be replaced after a while, and not once it answers again', async () => {
  await redis.open();
  await isAlone();
  await server.kill('SIGSTOP');
  try {
    await until(() => redis.mayBeReplaced);
  } finally {
    await server.kill('SIGCONT');
  }
  await isAlone();
});
