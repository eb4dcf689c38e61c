import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buyer } from '../support/api-client.js';
import { expectStatus, openSale, purchase, times } from '../support/given.js';
import { startNodeProcess, type NodeProcess } from '../support/node-process.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

/** Open streams on one node, each of an order of its own. OPEN_STREAMS=5000 prints what they took. */
const crowd = Number(process.env['OPEN_STREAMS'] ?? 500);
const patiently = { timeoutMs: 120_000, intervalMs: 50 };
const slowMs = 300_000;

let system: System;
let node: NodeProcess;
const sockets: Socket[] = [];

beforeAll(async () => {
  system = await startSystem({
    workers: 0,
    reconcilers: 0,
    env: { QUEUE_MAX_ORDERS: 'off', QUEUE_MAX_LAG_MS: 'off' },
  });
  node = await startNodeProcess(system.servers);
}, slowMs);

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await node.stop();
  await system.stop();
});

/** Scripts that Redis has run. */
async function looks(): Promise<number> {
  const stats = await system.redis.info('commandstats');
  return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
}

interface Heard {
  /** ms since epoch */
  readonly atMs: number;
  readonly changedAtMs: number;
}

function open(path: string, buyerId: string, heard: Heard[]): Promise<unknown> {
  const socket = connect(node.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
    const [, at] = /"status":"reserved".*"updatedAt":"([^"]+)"/.exec(text) ?? [];
    if (at === undefined) return;
    text = '';
    heard.push({ atMs: Date.now(), changedAtMs: Date.parse(at) });
  });
  socket.on('error', () => undefined);
  socket.write(
    `GET ${path}/events HTTP/1.1\r\nhost: x\r\nauthorization: ${buyer(buyerId)['authorization'] ?? ''}\r\n\r\n`,
  );
  sockets.push(socket);
  return once(socket, 'connect');
}

test(
  `when ${crowd} orders with a listener each are written, then all hear of it soon, by a few looks at the servers`,
  async () => {
    const sale = await openSale(system.api, { capacities: [crowd] });
    const paths: string[] = [];
    for (let at = 0; at < crowd; at += 100) {
      const answers = await Promise.all(
        times(Math.min(100, crowd - at), (i) => purchase(system.api, sale, `b${at + i}`)),
      );
      paths.push(...answers.map((answer) => `${sale.orders}/${expectStatus(202, answer).body.id}`));
    }
    const before = await node.figure('process_resident_memory_bytes');
    const heard: Heard[] = [];
    for (let at = 0; at < crowd; at += 100) {
      await Promise.all(paths.slice(at, at + 100).map((path, i) => open(path, `b${at + i}`, heard)));
    }
    await until(async () => (await node.figure('order_streams')) === crowd, patiently);
    const perStream = ((await node.figure('process_resident_memory_bytes')) - before) / crowd / 1024;

    const asked = await looks();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const idle = (await looks()) - asked;
    const asking = await looks();
    const worker = await system.startNode('worker');
    await until(() => heard.length === crowd, patiently);
    const scripts = (await looks()) - asking;
    await worker.close();

    const delays = heard.map(({ atMs, changedAtMs }) => atMs - changedAtMs).sort((a, b) => a - b);
    const said = {
      streams: crowd,
      kilobytesEach: Math.round(perStream),
      medianMs: delays[Math.floor(crowd / 2)],
      lastMs: delays.at(-1),
      scripts,
      idle,
    };
    if (process.env['OPEN_STREAMS'] !== undefined) process.stderr.write(`${JSON.stringify(said)}\n`);
    expect(idle).toBeLessThan(20); // listeners cost nothing while nothing changes
    expect(perStream).toBeLessThan(100);
    expect(delays.at(-1)).toBeLessThan(10_000);
    // BullMQ's own scripts among them; one look for each listener would be more
    expect(scripts).toBeLessThan(Math.max(200, crowd / 2));
  },
  slowMs,
);
