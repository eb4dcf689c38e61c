import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { v7 as newId } from 'uuid';
import { buyer } from '../support/api-client.js';
import { expectStatus, openSale, purchase, times, writtenOrder } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

/**
 * Open polls on one node. WAITING_BUYERS=9000 is what the usual limit of 20,000 open files allows: the test holds the other
 * end of each.
 */
const crowd = Number(process.env['WAITING_BUYERS'] ?? 2000);
const patiently = { timeoutMs: 60_000, intervalMs: 50 };
const slowMs = 120_000;

let system: System;
let sockets: Socket[] = [];

beforeAll(async () => {
  // alone, and without its own looks at the queue: what is counted is what the polls cost
  system = await startSystem({
    workers: 0,
    reconcilers: 0,
    env: { QUEUE_MAX_ORDERS: 'off', QUEUE_MAX_LAG_MS: 'off' },
  });
});

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
});

afterAll(() => system.stop());

/** Opens polls and lets them wait. @returns what counts the answers that came, by the status they tell */
async function openPolls(n: number, path: string, owner: Readonly<Record<string, string>>): Promise<() => number> {
  const { hostname, port } = new URL(system.api.url);
  let answers = 0;
  const request = `GET ${path}?wait=30 HTTP/1.1\r\nhost: x\r\nauthorization: ${owner['authorization'] ?? ''}\r\n\r\n`;
  for (let left = n; left > 0; left -= 200) {
    const opened = times(Math.min(left, 200), () => {
      const socket = connect(Number(port), hostname);
      socket.on('data', (chunk) => {
        if (chunk.includes('"reserved"')) answers += 1;
      });
      socket.on('error', () => undefined);
      socket.write(request);
      return socket;
    });
    sockets.push(...opened);
    await Promise.all(opened.map((socket) => once(socket, 'connect')));
  }
  await until(async () => (await waiting()) === n, patiently);
  return () => answers;
}

function waiting(): Promise<number> {
  return system.api.figure('waiting_polls');
}

/** Commands that Redis has done for the node; this question is the test's own. */
async function redisCommands(): Promise<number> {
  const stats = await system.redis.info('commandstats');
  const calls = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
  return calls.filter(([, name]) => name !== 'info').reduce((sum, [, , count]) => sum + Number(count), 0);
}

/** What the nodes, all in this process, have asked Postgres since the spy was cleared last. The test's own questions count too. */
const questions = jest.spyOn(pg.Client.prototype, 'query');

/** How often an order was looked up by its id in Postgres. */
function orderReads(): number {
  return questions.mock.calls.filter(([question]) => textOf(question).includes('FROM orders o WHERE o.id ')).length;
}

function textOf(question: unknown): string {
  return typeof question === 'string' ? question : (question as { text: string }).text;
}

test(
  `when ${crowd} buyers wait and nothing changes, then it costs no command; a change costs one read and reaches all of them`,
  async () => {
    const sale = await openSale(system.api);
    const { id } = expectStatus(202, await purchase(system.api, sale, 'ann')).body;
    const path = `${sale.orders}/${id}`;
    const answered = await openPolls(crowd, path, buyer('ann'));

    questions.mockClear();
    const before = await redisCommands();
    await delay(3000);
    expect((await redisCommands()) - before).toBe(0);
    expect(questions).not.toHaveBeenCalled();
    expect(answered()).toBe(0);

    const worker = await system.startNode('worker');
    await until(() => answered() === crowd, patiently);
    await worker.close();
    expect(orderReads()).toBe(1);
  },
  slowMs,
);

test('when a written order is polled again and again, then Postgres is asked once for each change', async () => {
  const worker = await system.startNode('worker');
  const sale = await openSale(system.api);
  const { path } = await writtenOrder(system.api, sale, 'bob');
  await worker.close();
  const poll = async (status: string): Promise<void> => {
    for (let i = 0; i < 50; i++) {
      const answers = await Promise.all(times(4, () => system.api.get(path, buyer('bob'))));
      expect(answers.map(({ body }) => body.status)).toEqual(times(4, () => status));
    }
  };
  questions.mockClear();
  await poll('reserved');
  expect(orderReads()).toBeLessThanOrEqual(1);

  expectStatus(200, await system.api.post(`${path}/confirm`, buyer('bob')));
  questions.mockClear();
  await poll('confirmed');
  expect(orderReads()).toBeLessThanOrEqual(1);
});

test('when an order that does not exist is asked for again and again, then the servers are asked once', async () => {
  const sale = await openSale(system.api);
  const path = `${sale.orders}/${newId()}`;
  questions.mockClear();
  const before = await redisCommands();
  for (let i = 0; i < 50; i++) expect((await system.api.get(path, buyer('eve'))).status).toBe(404);
  expect((await redisCommands()) - before).toBeLessThan(20); // those of one look
  expect(orderReads()).toBe(1);
});
