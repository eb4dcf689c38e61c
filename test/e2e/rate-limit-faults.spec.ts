import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Answer, ApiClient } from '../support/api-client.js';
import { times } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

/** The first who ask a Redis that says nothing wait for half a second; the rest is for a busy machine. */
const patienceMs = 2500;
/** for whatever has to happen in the end */
const inTheEnd = { timeoutMs: 15_000 };
const limit = 20;

let system: System;
let open: ApiClient;
let closed: ApiClient;
beforeAll(async () => {
  const env = { RATE_LIMIT_IP: `${limit}/1h`, TRUST_PROXY: '127.0.0.1' };
  system = await startSystem({ apis: 1, workers: 0, reconcilers: 0, env });
  open = system.api;
  closed = await system.startApi({ RATE_LIMIT_FAILURE_MODE: 'closed' });
});
afterAll(() => system.stop());

let addresses = 0;
function newAddress(): string {
  addresses += 1;
  return `10.1.${addresses >> 8}.${addresses & 255}`;
}

interface Timed {
  readonly answer: Answer;
  readonly tookMs: number;
}

/** Asks for what there is not, which needs no server but for the limits: 404 is let in. */
async function knock(api: ApiClient, address: string): Promise<Timed> {
  const startedAt = performance.now();
  const answer = await api.get('/v1/nothing', { 'x-forwarded-for': address });
  return { answer, tookMs: performance.now() - startedAt };
}

function statuses(knocks: readonly Timed[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { answer } of knocks) counts[answer.status] = (counts[answer.status] ?? 0) + 1;
  return counts;
}

const slowest = (knocks: readonly Timed[]): number => Math.max(...knocks.map(({ tookMs }) => tookMs));

interface Fault {
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
}

const faults: Record<string, () => Fault> = {
  stopped: () => ({ begin: () => system.servers.redis.stop(), end: () => system.servers.redis.restart() }),
  frozen: () => ({
    begin: () => system.servers.redis.kill('SIGSTOP'),
    end: () => system.servers.redis.kill('SIGCONT'),
  }),
};

describe.each(['stopped', 'frozen'])('while Redis is %s', (name) => {
  test('when requests come, then open limits them by itself, closed refuses them, and nobody waits', async () => {
    const { begin, end } = faults[name]?.() ?? {};
    if (begin === undefined || end === undefined) throw new Error(`no fault ${name}`);
    const known = newAddress();
    expect(statuses(await Promise.all(times(5, () => knock(open, known))))).toEqual({ 404: 5 });

    // in the middle of a run: who asks when it happens hears something as well
    const running: Promise<Timed>[] = [];
    const ticker = setInterval(() => running.push(knock(open, newAddress()), knock(closed, newAddress())), 20);
    try {
      await until(() => running.length > 20, inTheEnd);
      await begin();
      await until(async () => (await knock(closed, newAddress())).answer.status === 503, inTheEnd);
      await until(() => running.length > 150, inTheEnd);
    } finally {
      clearInterval(ticker);
      await Promise.allSettled(running);
    }
    const during = await Promise.all(running);
    expect(during.filter((_, i) => i % 2 === 0).every(({ answer }) => answer.status === 404)).toBe(true);
    expect(during.every(({ answer }) => [404, 503].includes(answer.status))).toBe(true);
    expect(slowest(during)).toBeLessThan(patienceMs);

    const late = await Promise.all(times(2 * limit, () => knock(open, known)));
    expect(statuses(late)).toEqual({ 404: limit - 5, 429: limit + 5 });
    expect(late.at(-1)?.answer.headers['x-ratelimit-type']).toBe('local-ip');
    const refused = await knock(closed, newAddress());
    expect(refused.answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(refused.answer.headers['retry-after']).toBe('1');
    const one = newAddress();
    const inTurn = [];
    for (let i = 0; i < 10; i++) inTurn.push(await knock(open, one));
    expect(inTurn.reduce((sum, { tookMs }) => sum + tookMs, 0)).toBeLessThan(patienceMs); // ten would be 5 s
    expect((await fetch(`${closed.url}/health/live`)).status).toBe(200);

    await end();
    await until(async () => (await knock(closed, newAddress())).answer.status === 404, inTheEnd);
    const shared = newAddress();
    await until(async () => {
      const address = newAddress();
      await knock(open, address);
      return (await system.redis.exists(`sluice:{limits}:ip:${address}`)) === 1;
    }, inTheEnd);
    const after = await Promise.all(times(2 * limit, (i) => knock(i % 2 === 0 ? open : closed, shared)));
    expect(statuses(after)).toEqual({ 404: limit, 429: limit });
  });
});

test('when Redis was away, then each node said so, and nothing worse', () => {
  const said = system.log.filter((line) => line.includes('Redis cannot be asked for limits'));
  expect(said.length).toBeGreaterThanOrEqual(4);
  expect(said.length).toBeLessThan(20);
  expect(system.log.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
});
