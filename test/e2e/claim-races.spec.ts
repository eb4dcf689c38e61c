import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { admin, buyer, type Answer, type ApiClient } from '../support/api-client.js';
import {
  endHold,
  expectStatus,
  inventoryOf,
  openSale,
  reconcile,
  times,
  writtenOrder,
  type GivenSale,
} from '../support/given.js';
import { assertInvariants, Journal } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';

/** CLAIM_RACES=200 and more after a change of what ends an order. */
const rounds = Number(process.env['CLAIM_RACES'] ?? 80);
jest.setTimeout(60_000 + 300 * rounds); // on a machine that may be busy

let system: System;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 1 });
});
afterAll(() => system.stop());

function node(i: number): ApiClient {
  return system.apis[i % system.apis.length] ?? system.api;
}

interface Round {
  readonly turn: number;
  readonly order: { readonly id: string; readonly path: string };
  readonly owner: Readonly<Record<string, string>>;
}

/**
 * Plays a race on each of so many reserved orders, while the buyer of the one in play polls it all the time.
 * @returns how many orders ended in which status
 */
async function race(
  sale: GivenSale,
  journal: Journal,
  play: (round: Round) => Promise<readonly string[]>,
): Promise<Map<string, number>> {
  const orders = await Promise.all(times(rounds, (i) => writtenOrder(node(i), sale, `buyer-${i}`)));
  const endings = new Map<string, number>();
  for (const [turn, order] of orders.entries()) {
    expect(order.status).toBe('reserved');
    const owner = buyer(`buyer-${turn}`);
    let playing = true;
    const poll = async (): Promise<void> => {
      for (let i = turn; playing; i++) journal.note(expectStatus(200, await node(i).get(order.path, owner)).body);
    };
    const possible = await Promise.all([play({ turn, order, owner }).finally(() => (playing = false)), poll()]);
    const { body } = expectStatus(200, await node(turn).get(order.path, owner));
    journal.note(body);
    // what the racers were told fits only this end
    expect(possible[0]).toEqual([body.status]);
    endings.set(body.status, (endings.get(body.status) ?? 0) + 1);
  }
  return endings;
}

/** The status of the order that an answer leaves possible. */
function statusAfter({ status, body }: Answer): string {
  if (status === 200) return body.status;
  const told: Record<string, string> = {
    hold_expired: 'expired',
    order_cancelled: 'cancelled',
    already_confirmed: 'confirmed',
  };
  return told[body.code] ?? `${status} ${body.code}`;
}

async function expectStock(sale: GivenSale, endings: Map<string, number>): Promise<void> {
  const confirmed = endings.get('confirmed') ?? 0;
  expect(await inventoryOf(system.api, sale)).toMatchObject([
    { available: rounds - confirmed, reserved: 0, confirmed },
  ]);
}

test(`when a confirm races with the expiry of the hold ${rounds} times, then exactly one wins`, async () => {
  const sale = await openSale(system.api, { capacities: [rounds] });
  const journal = new Journal();
  const endings = await race(sale, journal, async ({ turn, order, owner }) => {
    await endHold(system.sql, order.id, (turn % 5) * 3);
    const [confirm] = await Promise.all([
      node(turn).post(`${order.path}/confirm`, owner),
      reconcile(node(turn + 1)),
      turn % 2 === 0 ? reconcile(node(turn)) : undefined,
    ]);
    return [statusAfter(confirm)];
  });
  expect([...endings.keys()].sort()).toEqual(['confirmed', 'expired']);
  await assertInvariants(system, sale, { journal });
  await expectStock(sale, endings);
});

test(`when a confirm races with a cancel ${rounds} times, then exactly one wins`, async () => {
  const sale = await openSale(system.api, { capacities: [rounds] });
  const journal = new Journal();
  const endings = await race(sale, journal, async ({ turn, order, owner }) => {
    const steps = turn % 2 === 0 ? ['confirm', 'cancel'] : ['cancel', 'confirm'];
    const answers = await Promise.all(steps.map((step, i) => node(turn + i).post(`${order.path}/${step}`, owner)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    return [...new Set(answers.map(statusAfter))];
  });
  expect([...endings.keys()].sort()).toEqual(['cancelled', 'confirmed']);
  await assertInvariants(system, sale, { journal });
  await expectStock(sale, endings);
});

test(`when cancels of buyer and admin race with confirm and expiry ${rounds} times, then the stock comes back once`, async () => {
  const sale = await openSale(system.api, { capacities: [rounds] });
  const journal = new Journal();
  const endings = await race(sale, journal, async ({ turn, order, owner }) => {
    await endHold(system.sql, order.id, (turn % 5) * 3);
    const [first, second, byAdmin] = await Promise.all([
      node(turn).post(`${order.path}/cancel`, owner),
      node(turn + 1).post(`${order.path}/${turn % 2 === 0 ? 'confirm' : 'cancel'}`, owner),
      node(turn).post(`/v1/admin${order.path.slice('/v1'.length)}/cancel`, admin),
      reconcile(node(turn + 1)),
    ]);
    // an admin takes back even what was confirmed, but not what expired before
    expect(['cancelled', 'expired']).toContain(statusAfter(byAdmin));
    for (const answer of [first, second]) {
      expect(['cancelled', 'expired', 'confirmed']).toContain(statusAfter(answer));
    }
    return [statusAfter(byAdmin)];
  });
  expect(endings.get('confirmed')).toBeUndefined();
  await assertInvariants(system, sale, { journal });
  await expectStock(sale, endings);
});
