import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { fastify, type FastifyInstance } from 'fastify';
import type { EventStream } from '../http/index.js';
import { Metrics } from '../observability/index.js';
import { OpenStreams } from './open-streams.js';

let metrics: Metrics;
let streams: OpenStreams;
let server: FastifyInstance;
let client: Socket;

beforeEach(() => {
  metrics = new Metrics();
  streams = new OpenStreams(metrics);
  server = fastify({ forceCloseConnections: true });
});

afterEach(async () => {
  jest.useRealTimers();
  streams.beforeApplicationShutdown();
  client.destroy();
  await server.close();
});

/** One stream, whose client reads nothing until he is told to. */
async function opened(): Promise<EventStream> {
  const stream = new Promise<EventStream>((resolve) => {
    server.get('/', (_, reply) => {
      resolve(streams.open(streams.placeOfAdmin(reply), reply));
    });
  });
  await server.listen({ port: 0, host: '127.0.0.1' });
  client = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  return stream;
}

test('when a client does not read, then he is cut off once too much waits for him', async () => {
  const stream = await opened();
  const closed = jest.fn();
  stream.onClose(closed);
  for (let frames = 0; closed.mock.calls.length === 0 && frames < 10_000; frames++) {
    streams.send(stream, `data: ${'x'.repeat(32 * 1024)}\n\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(closed).toHaveBeenCalledTimes(1);
  expect(stream.waitingBytes).toBeLessThan(200 * 1024);
  const text = await metrics.text();
  expect(text).toContain('sluice_streams_dropped_total{reason="slow"} 1\n');
  expect(text).toContain('sluice_sale_streams 0\n');
});

test('when nothing was said for fifteen seconds, then a comment is, and not before', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  streams.onApplicationBootstrap();
  await opened();
  let text = '';
  client.on('data', (chunk) => (text += chunk.toString()));
  await once(client, 'data');
  jest.advanceTimersByTime(14_000);
  expect(text).not.toContain(':\n\n');
  const heard = once(client, 'data');
  jest.advanceTimersByTime(3_000);
  await heard;
  expect(text).toContain('\r\n:\n\n');
});
