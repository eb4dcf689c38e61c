import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { admin, type Answer, type ApiClient } from '../support/api-client.js';
import { expectStatus, inventoryOf, openSale, purchase, times, type GivenSale } from '../support/given.js';
import { assertInvariants, Journal } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';

jest.setTimeout(60_000); // whole crowds, on a machine that may be busy

let system: System;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 2 });
});
afterAll(() => system.stop());

function node(i: number): ApiClient {
  return system.apis[i % system.apis.length] ?? system.api;
}

/** Buyers of one ticket each, so many at once. A buyer who is told to come back comes back with the same key. */
class Crowd {
  readonly journal = new Journal();
  readonly refusals = new Map<string, number>();
  accepted = 0;
  underWay = 0;
  private next = 0;
  private done = false;

  constructor(
    private readonly sale: GivenSale,
    private readonly size: number,
    private readonly retried: readonly string[] = [],
    private readonly atOnce = 40,
  ) {}

  /** Lets them buy while `disturb` is called again and again. */
  async buyDuring(disturb: (turn: number) => Promise<void>): Promise<void> {
    const admins = (async () => {
      for (let turn = 0; !this.done; turn++) await disturb(turn);
    })();
    const buyers = Promise.all(times(this.atOnce, () => this.lane())).finally(() => (this.done = true));
    await Promise.all([admins, buyers]);
  }

  private async lane(): Promise<void> {
    for (let i = this.next++; i < this.size && !this.done; i = this.next++) await this.buy(i);
  }

  private async buy(i: number): Promise<void> {
    for (let attempt = i; !this.done; attempt++) {
      this.underWay += 1;
      const answer = await purchase(node(attempt), this.sale, `buyer-${i}`, { key: 'k' });
      this.underWay -= 1;
      if (answer.status === 202) {
        this.accepted += 1;
        this.journal.note(answer.body);
        return;
      }
      const code = answer.body.code;
      this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
      if (!this.retried.includes(code)) return;
    }
  }
}

function resize(sale: GivenSale, capacity: number): Promise<Answer> {
  return node(capacity).patch(sale.admin, { ticketTypes: [{ id: sale.types[0], capacity }] });
}

test('when a sale is paused and resumed while 250 buyers buy, then each who comes back has his one ticket', async () => {
  const sale = await openSale(system.api, { capacities: [250] });
  const crowd = new Crowd(sale, 250, ['sale_paused']);
  let pausedFor = 0;
  await crowd.buyDuring(async (turn) => {
    expectStatus(200, await node(turn).post(`${sale.admin}/pause`, admin));
    const before = crowd.accepted;
    // on the other node: the pause binds there too
    const answer = await purchase(node(turn + 1), sale, `late-${turn}`);
    expect(answer).toMatchObject({ status: 409, body: { code: 'sale_paused' } });
    // those under way when the sale was paused may have come first
    expect(crowd.accepted - before).toBeLessThanOrEqual(40);
    pausedFor += 1;
    expectStatus(200, await node(turn).post(`${sale.admin}/resume`, admin));
  });
  expect(pausedFor).toBeGreaterThan(0);
  expect(crowd.accepted).toBe(250);
  expect([...crowd.refusals.keys()].filter((code) => code !== 'sale_paused')).toEqual([]);
  await assertInvariants(system, sale, { journal: crowd.journal });
  expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 0, reserved: 250 }]);
});

test('when a sale closes while 250 buyers buy, then whoever was accepted is written and nobody is after it', async () => {
  const sale = await openSale(system.api, { capacities: [500] });
  const crowd = new Crowd(sale, 250);
  let closed = false;
  await crowd.buyDuring(async (turn) => {
    if (crowd.accepted < 50) {
      expectStatus(200, await node(turn).get(sale.admin, admin));
      return;
    }
    if (!closed) expectStatus(200, await node(turn).post(`${sale.admin}/close`, admin));
    closed = true;
    const answer = await purchase(node(turn + 1), sale, `late-${turn}`);
    expect(answer).toMatchObject({ status: 409, body: { code: 'sale_closed' } });
  });
  expect(closed).toBe(true);
  expect([...crowd.refusals.keys()]).toEqual(['sale_closed']);
  await assertInvariants(system, sale, { journal: crowd.journal });
  expect(await inventoryOf(system.api, sale)).toMatchObject([
    { available: 500 - crowd.accepted, reserved: crowd.accepted },
  ]);
});

test('when the capacity goes up and down while 300 buyers buy, then it is never oversold and each cut is judged rightly', async () => {
  const sale = await openSale(system.api, { capacities: [50] });
  const crowd = new Crowd(sale, 300, ['sold_out'], 8); // so few that the admin keeps up
  const outcomes = { grown: 0, cut: 0, refused: 0 };
  let capacity = 50;
  await crowd.buyDuring(async (turn) => {
    // more than is sold by now; a cut to just about that; a cut below
    const soldBefore = crowd.accepted;
    const wanted = Math.max(1, soldBefore + ([60, 30, -5][turn % 3] ?? 0));
    const { status, body } = await resize(sale, wanted);
    if (status === 200) {
      expect(soldBefore).toBeLessThanOrEqual(wanted);
      expect(body.ticketTypes[0]?.capacity).toBe(wanted);
      if (wanted >= capacity) outcomes.grown += 1;
      else outcomes.cut += 1;
      capacity = wanted;
    } else {
      expect({ status, code: body.code }).toEqual({ status: 409, code: 'capacity_below_taken' });
      expect(crowd.accepted + crowd.underWay).toBeGreaterThan(wanted);
      expect(wanted).toBeLessThan(capacity);
      outcomes.refused += 1;
    }
    if (turn % 8 === 7) {
      const { rows } = await system.sql.query<{ taken: number; capacity: number }>(
        'SELECT taken, capacity FROM ticket_types WHERE sale_id = $1',
        [sale.id],
      );
      for (const type of rows) expect(type.taken).toBeLessThanOrEqual(type.capacity);
    }
  });
  expect(outcomes.grown).toBeGreaterThan(0);
  expect(outcomes.cut).toBeGreaterThan(0);
  expect(outcomes.refused).toBeGreaterThan(0);
  expect([...crowd.refusals.keys()].filter((code) => code !== 'sold_out')).toEqual([]);
  expect(crowd.accepted).toBe(300);
  await assertInvariants(system, sale, { journal: crowd.journal });
  expect(await inventoryOf(system.api, sale)).toMatchObject([{ capacity, available: capacity - 300, reserved: 300 }]);
});

test('when a cut meets exactly what is available, then it is granted, and one more is refused', async () => {
  const sale = await openSale(system.api, { capacities: [10, 10] });
  const accepted = await Promise.all(times(3, (i) => purchase(node(i), sale, `buyer-${i}`, { quantities: [2, 1] })));
  expect(accepted.map(({ status }) => status)).toEqual([202, 202, 202]);
  const [floor, balcony] = sale.types;
  const both = (a: number, b: number) =>
    system.api.patch(sale.admin, {
      name: 'Renamed',
      ticketTypes: [
        { id: floor, capacity: a },
        { id: balcony, capacity: b },
      ],
    });
  const refused = await both(6, 2);
  expect(refused).toMatchObject({ status: 409, body: { code: 'capacity_below_taken', ticketTypeIds: [balcony] } });
  // all or none: neither the other type nor the name changed
  expect(expectStatus(200, await system.api.get(sale.admin, admin)).body).toMatchObject({
    name: 'A concert',
    ticketTypes: [{ capacity: 10 }, { capacity: 10 }],
  });
  expect(await both(5, 10)).toMatchObject({ status: 409, body: { ticketTypeIds: [floor] } });
  const granted = expectStatus(200, await both(6, 3));
  expect(granted.body).toMatchObject({
    name: 'Renamed',
    soldOut: true,
    ticketTypes: [{ capacity: 6 }, { capacity: 3 }],
  });
  expect(await purchase(system.api, sale, 'late')).toMatchObject({ status: 409, body: { code: 'sold_out' } });
  await assertInvariants(system, sale);
  expectStatus(200, await both(7, 3));
  expect(await purchase(node(1), sale, 'late')).toMatchObject({ status: 202 });
  await assertInvariants(system, sale);
});

test('when a sale changes in every way while 300 buyers buy, then nothing is lost or oversold', async () => {
  const sale = await openSale(system.api, { capacities: [320] });
  const crowd = new Crowd(sale, 300, ['sale_paused', 'sale_not_open', 'sold_out', 'limit_exceeded']);
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
  const anHourAgo = () => new Date(Date.now() - 3_600_000).toISOString();
  const changes: ((at: ApiClient) => Promise<Answer>)[] = [
    (at) => at.post(`${sale.admin}/pause`, admin),
    (at) => at.patch(sale.admin, { maxPerBuyer: 1, holdSeconds: 300 }),
    (at) => at.post(`${sale.admin}/resume`, admin),
    (at) => at.patch(sale.admin, { opensAt: inAnHour(), closesAt: new Date(Date.now() + 7_200_000).toISOString() }),
    () => resize(sale, 310),
    (at) => at.patch(sale.admin, { opensAt: anHourAgo(), name: 'Moved' }),
    () => resize(sale, 330),
    (at) => at.patch(sale.admin, { maxPerBuyer: 4, holdSeconds: 600 }),
  ];
  await crowd.buyDuring(async (turn) => {
    // two at once, over both nodes
    const [first, second] = await Promise.all([
      changes[turn % changes.length]?.(node(turn)),
      node(turn + 1).patch(sale.admin, { name: `Turn ${turn}` }),
    ]);
    expect([first?.status, second.status]).toEqual([200, 200]);
  });
  expect(crowd.accepted).toBe(300);
  expect([...crowd.refusals.keys()].filter((code) => !['sale_paused', 'sale_not_open'].includes(code))).toEqual([]);
  await assertInvariants(system, sale, { journal: crowd.journal });
});
