/** @needs ps */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../src/embedded/index.js';
import { admin, adminKey, buyer, jwtSecret } from '../support/api-client.js';
import { saleBody, times } from '../support/given.js';
import { SCHEMA_ENGINE_LOCK } from '../../src/postgres/schema-engine.js';
import { startTestServers, type TestServers } from '../support/servers.js';
import { until } from '../support/until.js';

const project = fileURLToPath(new URL('../../', import.meta.url));
const slowMs = 60_000;
const patiently = { timeoutMs: 30_000, intervalMs: 100 };

let servers: TestServers;
let running: Group[] = [];

interface Group {
  readonly url: string;
  readonly process: ChildProcess;
  readonly pid: number;
  readonly output: () => string;
  /** the exit code */
  readonly ended: Promise<number | null>;
}

beforeAll(async () => {
  servers = await startTestServers();
});

afterEach(async () => {
  for (const { process: parent } of running) parent.kill('SIGTERM');
  await Promise.all(running.map(({ ended }) => ended));
  running = [];
});

afterAll(() => servers.stop());

/** `npm test` has built it. */
async function start(env: Readonly<Record<string, string>> = {}): Promise<Group> {
  const port = env['PORT'] ?? String(await freePort());
  const parent = spawn(process.execPath, ['dist/main.js'], {
    cwd: project,
    env: {
      PATH: process.env['PATH'],
      PORT: port,
      API_PROCESSES: '2',
      DATABASE_URL: servers.databaseUrl,
      REDIS_URL: servers.redisUrl,
      ADMIN_API_KEYS: `tester:${adminKey}`,
      BUYER_JWT_SECRET: jwtSecret,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [parent.stdout, parent.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  }
  const ended = once(parent, 'close').then(([code]) => code as number | null);
  const group = { url: `http://127.0.0.1:${port}`, process: parent, pid: parent.pid ?? 0, output: () => text, ended };
  running.push(group);
  return group;
}

function isReady({ output }: Group): boolean {
  return output().includes('API processes share port');
}

/** Its members, in the order of their starts. */
async function membersOf({ pid }: Group): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.split('\n').filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function json(response: Response): Promise<{ id: string; status: string; ticketTypes: { id: string }[] }> {
  return (await response.json()) as Awaited<ReturnType<typeof json>>;
}

async function post(group: Group, path: string, headers: Readonly<Record<string, string>>, body?: object) {
  return fetch(`${group.url}${path}`, {
    method: 'POST',
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }), connection: 'close' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function accepted({ url }: Group): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { headers: { connection: 'close' } })).text();
  return Number(/^sluice_purchases_total\{outcome="accepted"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

function opened({ url }: Group): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => {
      resolve(socket);
    });
    socket.once('error', reject);
    socket.on('error', () => undefined);
  });
}

describe('signals', () => {
  test(
    'when a process is told to read again, and to stop, while it waits to migrate, then it stays, and ends with 0',
    async () => {
      const sql = new pg.Client({ connectionString: servers.databaseUrl });
      await sql.connect();
      try {
        const lock = `pg_advisory_lock(${String(SCHEMA_ENGINE_LOCK)})`;
        await sql.query(`SELECT ${lock}`);
        const alone = await start({ API_PROCESSES: '1' });
        await until(async () => {
          const waiting = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = ${String(SCHEMA_ENGINE_LOCK)}`;
          return (await sql.query(waiting)).rowCount === 1;
        }, patiently);
        alone.process.kill('SIGHUP');
        alone.process.kill('SIGTERM');
        expect(await alone.ended).toBe(0);
        expect(alone.output()).toContain('SIGTERM');
      } finally {
        await sql.end();
      }
    },
    slowMs,
  );

  test(
    'when a group starts, then SIGHUP ends nobody, and SIGTERM everybody, in order',
    async () => {
      const group = await start({ ROLES: 'api' });
      const members = await until(async () => {
        const pids = await membersOf(group);
        return pids.length === 2 && pids;
      }, patiently);
      group.process.kill('SIGHUP');
      await until(() => isReady(group), patiently);
      expect(await membersOf(group)).toEqual(members);
      await until(() => group.output().split('limits read again').length === 3, patiently);

      const other = await start({ ROLES: 'api' });
      await until(async () => (await membersOf(other)).length === 2, { ...patiently, intervalMs: 5 });
      other.process.kill('SIGTERM');
      expect(await other.ended).toBe(0);
      expect(isReady(other)).toBe(false);
      expect(await membersOf(other)).toEqual([]);
    },
    slowMs,
  );

  test(
    'when connections are drained, then a stream, a poll, an idle connection and a slow client do not make it late',
    async () => {
      const node = await start({ API_PROCESSES: '1', SHUTDOWN_DRAIN_MS: '5000' });
      await until(() => node.output().includes('on http'), patiently);
      const sale = await json(await post(node, '/v1/admin/sales', admin, saleBody({ capacities: [100] })));
      const stream = await fetch(`${node.url}/v1/admin/sales/${sale.id}/events`, { headers: admin });
      const idle = await opened(node);
      idle.write('GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(idle, 'data');
      const slow = await opened(node);
      const head = `POST /v1/admin/sales HTTP/1.1\r\nHost: a\r\nAuthorization: ${admin.authorization ?? ''}\r\n`;
      slow.write(`${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`);
      slow.resume();

      node.process.kill('SIGTERM');
      const startedAt = performance.now();
      await stream.text(); // ended in order, and not at the end of the drain
      expect(performance.now() - startedAt).toBeLessThan(3000);
      // from here on as on a busy machine, so that whatever is due comes late
      const stutter = setInterval(() => {
        node.process.kill('SIGSTOP');
        setTimeout(() => node.process.kill('SIGCONT'), 200);
      }, 250);
      const code = await node.ended;
      clearInterval(stutter);
      expect(node.output()).not.toContain('"level":"error"');
      expect(code).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(10_000);
      for (const socket of [idle, slow]) socket.destroy();
    },
    slowMs,
  );
});

describe('API_PROCESSES', () => {
  test(
    'when buyers come, then every process serves them, one worker writes, and any process tells the metrics of all',
    async () => {
      const group = await start();
      await until(() => isReady(group), patiently);
      expect(await membersOf(group)).toHaveLength(3);
      const sale = await json(await post(group, '/v1/admin/sales', admin, saleBody({ capacities: [100] })));
      await post(group, `/v1/admin/sales/${sale.id}/open`, admin);
      const items = [{ ticketTypeId: sale.ticketTypes[0]?.id, quantity: 1 }];
      const answers = await Promise.all(
        times(20, (i) => post(group, `/v1/sales/${sale.id}/orders`, buyer(`b${i}`), { items })),
      );
      expect(answers.map(({ status }) => status)).toEqual(times(20, () => 202));
      const order = await json(answers[0] ?? Response.error());
      const path = `${group.url}/v1/sales/${sale.id}/orders/${order.id}?wait=20`;
      expect(await json(await fetch(path, { headers: buyer('b0') }))).toMatchObject({ status: 'reserved' });
      expect(await Promise.all(times(6, () => accepted(group)))).toEqual(times(6, () => 20));
      group.process.kill('SIGTERM');
      const startedAt = performance.now();
      expect(await group.ended).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(10_000);
    },
    slowMs,
  );

  test(
    'when a process dies, then another takes its place, and a SIGTERM still ends all of them with 0',
    async () => {
      const group = await start();
      await until(() => isReady(group), patiently);
      const before = await membersOf(group);
      process.kill(before[0] ?? 0, 'SIGKILL');
      const after = await until(async () => {
        const members = await membersOf(group);
        return members.length === 3 && !members.includes(before[0] ?? 0) && members;
      }, patiently);
      expect(group.output()).toContain('(SIGKILL): another in');
      await until(async () => {
        const text = await (await fetch(`${group.url}/metrics`)).text();
        return text.includes('sluice_process_restarts_total 1\n');
      }, patiently);
      group.process.kill('SIGTERM');
      expect(await group.ended).toBe(0);
      expect(after.filter(isAlive)).toEqual([]);
    },
    slowMs,
  );

  test(
    'when the parent is killed, then its processes end by themselves',
    async () => {
      const group = await start({ ROLES: 'api' });
      await until(() => isReady(group), patiently);
      const members = await membersOf(group);
      process.kill(group.pid, 'SIGKILL');
      await until(() => members.every((pid) => !isAlive(pid)), patiently);
    },
    slowMs,
  );

  test(
    'when the port is taken, then it says so and exits 1, and nothing is left',
    async () => {
      const group = await start({ ROLES: 'api' });
      await until(() => isReady(group), patiently);
      const other = await start({ ROLES: 'api', PORT: new URL(group.url).port });
      expect(await other.ended).toBe(1);
      expect(other.output()).toContain('EADDRINUSE');
      expect(await membersOf(other)).toEqual([]);
    },
    slowMs,
  );

  test('when the configuration is wrong, then no process is started', async () => {
    const group = await start({ QUEUE_MAX_ORDERS: 'many' });
    expect(await group.ended).toBe(1);
    expect(group.output()).toBe(
      'The environment is wrong:\n  QUEUE_MAX_ORDERS must be an integer from 1 to 999999999, or off\n',
    );
  });
});
