import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { v7 as newId } from 'uuid';
import { DomainError } from '../../src/domain/index.js';
import { saleKey, saleKeys, type SaleKey } from '../../src/redis/index.js';
import { moved } from '../../src/sales/sale-edit.js';
import type { ReserveOutcome } from '../../src/inventory/index.js';
import { connectBackend, factsOf, type Backend, type PostgresFacts } from '../support/backend.js';
import { FaultyStock, Mishap, type Fault } from '../support/faulty-stock.js';
import { draftOf, imageOf, stockCounts } from '../support/loaded-sale.js';
import { SaleModel, type ModelEdit } from '../support/model.js';
import { startTestServers, type TestServers } from '../support/servers.js';

/** TEST_SEQUENCES asks for more, as after a change of the protocol. */
const sequences = Number(process.env['TEST_SEQUENCES'] ?? 400);
/** Sales that go through their commands at once: most of the time is spent waiting for one of the servers. */
const lanes = 4;

let servers: TestServers;

beforeAll(async () => {
  servers = await startTestServers({ appendfsync: 'no' });
});

afterAll(() => servers.stop());

type Command =
  | {
      readonly kind: 'purchase';
      readonly buyer: number;
      readonly quantities: readonly number[];
      readonly key: number;
      readonly body: number;
    }
  | { readonly kind: 'resend' | 'confirm' | 'cancel' | 'cancel-as-admin'; readonly pick: number }
  | { readonly kind: 'persist'; readonly mask: number; readonly times: number }
  | { readonly kind: 'run-out' | 'expire'; readonly mask: number }
  | { readonly kind: 'deliver' | 'fail-over' | 'leave-fence' | 'save-image' | 'restore-image' }
  | { readonly kind: 'mend'; readonly times: number }
  | { readonly kind: 'persist-while-mending' }
  | { readonly kind: 'step'; readonly step: NonNullable<ModelEdit['step']> }
  | { readonly kind: 'limit'; readonly maxPerBuyer: number }
  | { readonly kind: 'capacity'; readonly type: number; readonly by: number }
  | { readonly kind: 'lose'; readonly key: SaleKey | 'all' };

type Step = Command & { readonly fault?: Fault | undefined };

const pick = fc.nat({ max: 99 });
/** which of the orders: each bit one */
const mask = fc.oneof(fc.constant(-1), fc.nat({ max: 0xfff }));

function kind<K extends Command['kind']>(name: K): fc.Arbitrary<K> {
  return fc.constant(name);
}

/** The scripts that a command calls: only these can fail in it. */
const calls: Partial<Record<Command['kind'], readonly Fault['call'][]>> = {
  persist: ['settle'],
  confirm: ['settle'],
  cancel: ['settle', 'release'],
  'cancel-as-admin': ['settle', 'release'],
  expire: ['settle'],
  deliver: ['release'],
  mend: ['fence', 'drop', 'load'],
  step: ['change', 'load'],
  limit: ['change', 'load'],
  capacity: ['change'],
};

function faultIn(command: Command): fc.Arbitrary<Fault | undefined> {
  const possible = calls[command.kind];
  if (possible === undefined) return fc.constant(undefined);
  const fault: fc.Arbitrary<Fault> = fc.record({
    call: fc.constantFrom(...possible),
    nth: fc.constantFrom(1, 1, 2),
    when: fc.constantFrom('before', 'after'),
  });
  return fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fault });
}

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 36,
    arbitrary: fc.record({
      kind: kind('purchase'),
      buyer: fc.nat({ max: 2 }),
      quantities: fc.array(fc.constantFrom(0, 1, 1, 1, 2, 3), { minLength: 1, maxLength: 3 }),
      // 0: none
      key: fc.nat({ max: 3 }),
      body: fc.constantFrom(0, 0, 0, 1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('resend'), pick }) },
  { weight: 14, arbitrary: fc.record({ kind: kind('persist'), mask, times: fc.constantFrom(1, 1, 2, 5) }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('confirm'), pick }) },
  { weight: 6, arbitrary: fc.record({ kind: kind('cancel'), pick }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('cancel-as-admin'), pick }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('run-out'), mask }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('expire'), mask }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('deliver') }) },
  { weight: 5, arbitrary: fc.record({ kind: kind('mend'), times: fc.constantFrom(1, 1, 2) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('persist-while-mending') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: kind('step'),
      step: fc.constantFrom('pause', 'pause', 'resume', 'resume', 'resume', 'resume', 'close'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('limit'), maxPerBuyer: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: kind('capacity'), type: fc.nat({ max: 2 }), by: fc.integer({ min: -3, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('fail-over') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('leave-fence') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('save-image') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('restore-image') }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kind('lose'), key: fc.constantFrom<SaleKey | 'all'>('all', ...saleKeys) }),
  },
);

const step: fc.Arbitrary<Step> = command.chain((one) => faultIn(one).map((fault) => ({ ...one, fault })));

interface Scenario {
  readonly capacities: readonly number[];
  readonly maxPerBuyer: number;
  readonly steps: readonly Step[];
}

const scenario: fc.Arbitrary<Scenario> = fc.record({
  capacities: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 3 }),
  maxPerBuyer: fc.integer({ min: 2, max: 9 }),
  steps: fc.array(step, { minLength: 5, maxLength: 16, size: 'max' }),
});

/** A sale under test, and what the model says of it. */
class Trial {
  private saved: Map<SaleKey, Buffer> | undefined;

  constructor(
    private readonly seen: (event: string) => void,
    private readonly backend: Backend,
    private readonly stock: FaultyStock,
    readonly id: string,
    readonly typeIds: readonly string[],
    readonly model: SaleModel,
  ) {}

  /** Does the step in both worlds and demands the same answer of both. */
  async run({ fault: mishap, ...one }: Step): Promise<void> {
    this.stock.faults.arm(mishap);
    this.model.faults.arm(mishap);
    await this.dispatch(one);
    this.stock.faults.arm(undefined);
    this.model.faults.arm(undefined);
  }

  /** Everything that is under way ends: all is written, delivered, mended. */
  async settleDown(): Promise<void> {
    await this.both(
      'mend',
      () => this.backend.reload.mend(this.id),
      () => this.model.mend(),
    );
    await this.persist([...this.model.redis.outbox.keys()], 1);
    await this.deliver();
    await this.deliver();
    await this.both(
      'mend',
      () => this.backend.reload.mend(this.id),
      () => this.model.mend(),
    );
  }

  private async dispatch(one: Command): Promise<void> {
    const { model, id } = this;
    switch (one.kind) {
      case 'purchase':
        return this.purchase(one);
      case 'resend': {
        const order = picked([...model.accepted.values()], one.pick)?.order;
        return order === undefined ? undefined : this.reserve(order);
      }
      case 'persist':
        return this.persist(masked([...model.redis.outbox.keys()], one.mask), one.times);
      case 'confirm':
        return this.claim(one.pick, (order, buyer) => this.backend.claims.confirm(id, order, buyer), 'confirm');
      case 'cancel':
        return this.claim(one.pick, (order, buyer) => this.backend.claims.cancel(id, order, buyer), 'cancel');
      case 'cancel-as-admin':
        return this.claim(one.pick, (order) => this.backend.claims.cancelAsAdmin(id, order, 'test'), 'cancelAsAdmin');
      case 'run-out':
        return this.runOut(masked([...model.postgres.orders.keys()], one.mask));
      case 'expire': {
        const ids = masked([...model.postgres.orders.keys()], one.mask);
        await this.runOut(ids.slice(one.mask & 1));
        return this.both(
          'expire',
          () => this.backend.holds.expire(id, ids).then(ignore),
          () => {
            model.expire(ids);
          },
        );
      }
      case 'deliver':
        return this.deliver();
      case 'mend':
        return this.mend(one.times);
      case 'persist-while-mending':
        return this.persistWhileMending();
      case 'step':
        return this.change({ step: one.step });
      case 'limit':
        return this.change({ maxPerBuyer: one.maxPerBuyer });
      case 'capacity': {
        const typeId = this.typeIds[one.type % this.typeIds.length] ?? '';
        const capacity = model.postgres.types.get(typeId)?.capacity ?? 0;
        return this.change({ capacity: { id: typeId, to: Math.max(1, capacity + one.by) } });
      }
      case 'lose':
        model.lose(one.key);
        await this.backend.client.del(...(one.key === 'all' ? saleKeys : [one.key]).map((key) => saleKey(id, key)));
        return;
      case 'fail-over':
        model.failOver();
        return this.setField('runId', 'another');
      case 'leave-fence':
        model.leaveFence();
        return this.setField('fence', newId());
      case 'save-image':
        model.saveImage();
        return this.saveImage();
      case 'restore-image':
        model.restoreImage();
        return this.restoreImage();
    }
  }

  private async runOut(ids: readonly string[]): Promise<void> {
    this.model.runOut(ids);
    await this.backend.sql(
      `UPDATE orders SET hold_expires_at = created_at - interval '1 day' WHERE id = ANY($1) AND status = 'reserved'`,
      [ids],
    );
  }

  private async purchase({ buyer, quantities, key, body }: Command & { kind: 'purchase' }): Promise<void> {
    const buyerId = `buyer ${buyer}`;
    const fields = key === 0 ? {} : { key: { field: `${buyerId} ${key}`, bodyHash: `body ${body}` } };
    const order = draftOf({ typeIds: this.typeIds }, { buyerId, quantities, ...fields });
    if (order.items.length > 0) await this.reserve(order);
  }

  private async reserve(order: Parameters<SaleModel['reserve']>[0]): Promise<void> {
    const outcome: ReserveOutcome = await this.stock.reserve(this.id, order);
    this.seen(outcome.kind);
    same(outcome, this.model.reserve(order, outcome.kind === 'reserved' ? outcome.takenAtMs : 0));
  }

  /** The same job several times: first alone, so that it is known whom a fault strikes, then at once. */
  private async persist(ids: readonly string[], times: number): Promise<void> {
    const job = () => this.backend.persist.execute(this.id, ids);
    const model = (): void => {
      this.model.persist(ids);
    };
    await this.both('persist', job, model);
    if (times === 1) return;
    await this.both('persist again', () => Promise.all(Array.from({ length: times - 1 }, job)).then(ignore), model);
  }

  private async claim(
    index: number,
    ask: (orderId: string, buyerId: string) => Promise<unknown>,
    name: 'confirm' | 'cancel' | 'cancelAsAdmin',
  ): Promise<void> {
    // mostly one that Postgres has
    const { accepted, postgres } = this.model;
    const orders = index % 4 > 0 && postgres.orders.size > 0 ? postgres.orders : accepted;
    const order = picked([...orders.values()], index)?.order;
    if (order === undefined) return;
    await this.both(
      name,
      () => ask(order.id, order.buyerId).then(ignore),
      () => {
        this.model[name](order.id);
      },
    );
  }

  /** One batch: the one under way, or all that waits. */
  private async deliver(): Promise<void> {
    await this.both(
      'deliver',
      () => this.backend.returns.deliverSale(this.id, 0).then(ignore),
      () => {
        this.model.deliver();
      },
    );
  }

  private async mend(times: number): Promise<void> {
    if (times === 1)
      return this.both(
        'mend',
        () => this.backend.reload.mend(this.id),
        () => this.model.mend(),
      );
    this.stock.faults.arm(undefined);
    this.model.faults.arm(undefined);
    const mended = await Promise.all([this.backend.reload.mend(this.id), this.backend.reload.mend(this.id)]);
    expect(mended.filter(Boolean)).toHaveLength(this.model.mend() ? 1 : 0);
  }

  /** Whichever gets the gate first: the orders are written, and the sale is well. */
  private async persistWhileMending(): Promise<void> {
    this.stock.faults.arm(undefined);
    this.model.faults.arm(undefined);
    const ids = [...this.model.redis.outbox.keys()];
    await Promise.all([this.backend.reload.mend(this.id), this.backend.persist.execute(this.id, ids)]);
    this.model.mend();
    this.model.persist(ids);
    await this.takeOver();
  }

  /**
   * Where the mend came second it may have found well what the model had to mend, and the other way round; and what was written before a
   * load is not counted after it.
   */
  private async takeOver(): Promise<void> {
    const { model, backend, id } = this;
    const [facts, image] = await Promise.all([factsOf(backend, id), imageOf(backend.client, id)]);
    const { epoch, loadedEpoch, returnBatch } = facts;
    Object.assign(model.postgres, { epoch, loadedEpoch, returnBatch, returns: [...facts.returns] });
    for (const { id: typeId, written, returned } of facts.types) {
      Object.assign(model.postgres.types.get(typeId) ?? {}, { written, returned });
    }
    const sale = image.sale as Record<string, string>;
    const counts = stockCounts(image.stock);
    Object.assign(model.redis, {
      epoch: Number(sale.epoch),
      loaded: Number(sale.loaded),
      batch: Number(sale.batch),
      settled: new Map(Object.entries(counts.settled)),
      returned: new Map(Object.entries(counts.returned)),
    });
  }

  private async change(edit: ModelEdit): Promise<void> {
    const { step: next, maxPerBuyer, capacity } = edit;
    const real = () =>
      this.backend.changes.execute(this.id, { actor: 'test', action: 'sale.changed' }, (sale) => ({
        ...(next === undefined ? sale : moved(sale, next)),
        maxPerBuyer: maxPerBuyer ?? sale.maxPerBuyer,
        ticketTypes: sale.ticketTypes.map((type) =>
          type.id === capacity?.id ? { ...type, capacity: capacity.to } : type,
        ),
      }));
    await this.both(
      `change ${Object.keys(edit).join()}`,
      () => real().then(ignore),
      () => {
        this.model.change(edit);
      },
    );
  }

  private async both<T>(what: string, real: () => Promise<T>, model: () => T): Promise<void> {
    const answer = await outcomeOf(real);
    const expected = await outcomeOf(async () => model());
    this.seen(`${what}: ${String(answer ?? 'done')}`);
    same({ [what]: answer }, { [what]: expected });
  }

  private async setField(field: string, value: string): Promise<void> {
    const key = saleKey(this.id, 'sale');
    if ((await this.backend.client.hexists(key, 'epoch')) === 1) await this.backend.client.hset(key, field, value);
  }

  private async saveImage(): Promise<void> {
    this.saved = new Map();
    for (const key of saleKeys) {
      const image = (await this.backend.client.dumpBuffer(saleKey(this.id, key))) as Buffer | null;
      if (image !== null) this.saved.set(key, image);
    }
  }

  private async restoreImage(): Promise<void> {
    if (this.saved === undefined) return;
    await this.backend.client.del(...saleKeys.map((key) => saleKey(this.id, key)));
    for (const [key, image] of this.saved) await this.backend.client.restore(saleKey(this.id, key), 0, image);
    await this.setField('runId', 'another');
  }

  /** Both stores are as the model has them, and the invariants hold whatever the model says. */
  async check(): Promise<void> {
    const { model, id } = this;
    const [facts, image] = await Promise.all([factsOf(this.backend, id), imageOf(this.backend.client, id)]);
    this.checkInvariants(facts, image);

    const { postgres, redis } = model;
    same(
      {
        epoch: facts.epoch,
        status: facts.status,
        maxPerBuyer: facts.maxPerBuyer,
        loaded: [facts.loadedEpoch, facts.returnBatch],
        types: facts.types.map(({ id: typeId, sold: _sold, ...type }) => [typeId, type]),
        orders: facts.orders.map((order) => [order.id, order.status, order.reason]),
        returns: facts.returns.map(({ orderId, batch }) => [orderId, batch]).sort(),
        buyers: facts.buyers,
      },
      {
        epoch: postgres.epoch,
        status: postgres.status,
        maxPerBuyer: postgres.maxPerBuyer,
        loaded: [postgres.loadedEpoch, postgres.returnBatch],
        types: [...postgres.types],
        orders: [...postgres.orders.values()].map(({ order, status, reason }) => [order.id, status, reason]).sort(),
        returns: postgres.returns.map(({ orderId, batch }) => [orderId, batch]).sort(),
        buyers: nonZero(Object.fromEntries(postgres.buyers)),
      },
    );

    // what stands in a lost key since is nothing to go by
    const unlessLost = <T>(key: SaleKey, value: T): T | 'lost' =>
      redis.lost.has(key) || (key === 'sale' && redis.epoch === null) ? 'lost' : value;
    const { epoch, loaded, batch, status, maxPerBuyer } = image.sale as Record<string, string>;
    const { available, queued, settled, returned } = stockCounts(image.stock);
    const keys = [...redis.idem].map(([field, known]): [string, string] => [field, known.orderId + known.bodyHash]);
    same(
      {
        sale: unlessLost('sale', [epoch, loaded, batch, status, maxPerBuyer]),
        outbox: Object.keys(stampless(image.queued)).sort(),
        times: [...(image['queued-at'] as string[])].sort(),
        stock: unlessLost('stock', { available, queued, settled, returned }),
        buyers: unlessLost('buyers', nonZero(image.buyers)),
        idem: unlessLost('idem', stampless(image.idem)),
      },
      {
        sale: unlessLost('sale', [
          String(redis.epoch),
          String(redis.loaded),
          String(redis.batch),
          redis.status,
          String(redis.maxPerBuyer),
        ]),
        outbox: [...redis.outbox.keys()].sort(),
        times: [...redis.times].sort(),
        stock: unlessLost('stock', {
          available: nonZero(Object.fromEntries(redis.available)),
          queued: nonZero(Object.fromEntries(redis.sums)),
          settled: nonZero(Object.fromEntries(redis.settled)),
          returned: nonZero(Object.fromEntries(redis.returned)),
        }),
        buyers: unlessLost('buyers', nonZero(Object.fromEntries(redis.buyers))),
        idem: unlessLost('idem', Object.fromEntries(keys)),
      },
    );
  }

  /** The invariants of docs/protocol.md, by what the stores themselves say. */
  private checkInvariants(facts: PostgresFacts, image: Record<SaleKey, object>): void {
    const { model } = this;
    for (const { capacity, taken, sold } of facts.types) {
      same({ taken, oversold: taken > capacity }, { taken: sold, oversold: false });
    }
    const written = new Set(facts.orders.map((order) => order.id));
    const isKept = (orderId: string) => written.has(orderId) || orderId in image.queued || model.destroyed.has(orderId);
    same({ lost: [...model.accepted.keys()].filter((orderId) => !isKept(orderId)) }, { lost: [] });
    const living = facts.orders.filter(({ status }) => status === 'reserved' || status === 'confirmed');
    for (const buyerId of new Set(living.map((order) => order.buyerId))) {
      const orders = living.filter((order) => order.buyerId === buyerId);
      const total = orders.reduce((sum, { tickets }) => sum + tickets, 0);
      const limit = Math.max(...orders.map(({ id }) => model.accepted.get(id)?.maxPerBuyer ?? 0));
      same({ total: facts.buyers[buyerId], above: total > limit }, { total, above: false });
    }
    const refused = facts.orders.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
    // while Redis keeps its data, Postgres never has to refuse what it accepted
    if (!model.lostData) same({ refused }, { refused: [] });
  }

  /** After all has come to rest: nothing drifts, nothing is left over, Redis holds exactly what Postgres has. */
  async checkAtRest(): Promise<void> {
    const { model, id } = this;
    const sale = await this.backend.sales.find(id);
    if (sale === null) throw new Error('the sale is gone');
    const reading = await this.backend.reader.read(sale);
    expect(reading.figures.map(({ drift, queued, returning }) => [drift, queued, returning])).toEqual(
      sale.ticketTypes.map(() => [0, 0, 0]),
    );
    expect(reading.well).toBe(true);
    const [facts, image] = await Promise.all([factsOf(this.backend, id), imageOf(this.backend.client, id)]);
    expect(facts.returns).toEqual([]);
    expect(stampless(image.queued)).toEqual({});
    expect(stampless(image['queued-by'])).toEqual({});
    expect(image['queued-at']).toEqual([]);
    expect(nonZero(image.buyers)).toEqual(facts.buyers);
    const live = facts.orders.filter(({ idempotency, reason }) => idempotency !== null && reason !== 'duplicate');
    expect(stampless(image.idem)).toEqual(
      Object.fromEntries(live.map((order) => [order.idempotency, order.id + (order.bodyHash ?? '')])),
    );
    const statuses = new Map(facts.orders.map((order) => [order.id, order.status]));
    for (const orderId of model.accepted.keys()) {
      const expected = model.destroyed.has(orderId) ? undefined : model.postgres.orders.get(orderId)?.status;
      expect([orderId, statuses.get(orderId)]).toEqual([orderId, expected]);
    }
  }
}

/** Runs one scenario from its first command to the end of all that is under way. */
async function runScenario(trial: Trial, steps: readonly Step[]): Promise<void> {
  for (const one of steps) {
    await trial.run(one);
    await trial.check();
  }
  await trial.settleDown();
  await trial.check();
  await trial.checkAtRest();
}

const title = `when any commands, faults and losses follow each other (${sequences} sequences), then the invariants hold and both stores are as the model says`;

test(
  title,
  async () => {
    const seen = { sequences: 0, steps: 0, destroyed: 0, rejected: 0, givenUp: 0 };
    const events = new Map<string, number>();
    const count = (event: string): void => void events.set(event, (events.get(event) ?? 0) + 1);
    const startedAt = performance.now();

    const runLane = async (): Promise<void> => {
      const stocks: FaultyStock[] = [];
      const backend = await connectBackend(servers, (redis) => (stocks[0] = new FaultyStock(redis)));
      const property = fc.asyncProperty(scenario, async ({ capacities, maxPerBuyer, steps }) => {
        const [stock] = stocks;
        if (stock === undefined) throw new Error('no store');
        try {
          const sale = await backend.openSale({ capacities, maxPerBuyer });
          const byType = new Map(sale.typeIds.map((id, i) => [id, capacities[i] ?? 0]));
          const model = new SaleModel({ epoch: sale.epoch, maxPerBuyer, capacities: byType });
          await runScenario(new Trial(count, backend, stock, sale.id, sale.typeIds, model), steps);
          seen.sequences += 1;
          seen.steps += steps.length;
          seen.destroyed += model.destroyed.size;
          seen.rejected += [...model.postgres.orders.values()].filter(({ status }) => status === 'rejected').length;
        } catch (error) {
          if (!isOverload(error)) throw error;
          seen.givenUp += 1;
          fc.pre(false);
        }
      });
      await fc.assert(property, { numRuns: Math.ceil(sequences / lanes) }).finally(() => backend.close());
    };

    const ended = await Promise.allSettled(Array.from({ length: lanes }, runLane));
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const happened = [...events].sort().map(([event, times]) => `${event} ×${times}`);
    console.log(`${JSON.stringify(seen)} in ${seconds} s\n${happened.join(', ')}`);
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
    expect(seen.sequences).toBeGreaterThanOrEqual(sequences);
  },
  Math.max(300_000, sequences * 300),
);

function ignore(): void {
  // the answer itself is not compared, only whether there was one
}

/** What came of it, or the code of a refusal. */
async function outcomeOf<T>(run: () => Promise<T>): Promise<T | string> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof DomainError) || isOverload(error)) throw error;
    return error.code;
  }
}

/** Whether a server was too slow to answer, which no fault of the test had asked for. */
function isOverload(error: unknown): boolean {
  if (!(error instanceof DomainError) || error.code !== 'unavailable') return false;
  return error.cause !== undefined && !(error.cause instanceof Mishap);
}

function picked<T>(all: readonly T[], index: number): T | undefined {
  return all.length === 0 ? undefined : all[index % all.length];
}

function masked<T>(all: readonly T[], bits: number): T[] {
  return all.filter((_, i) => (bits & (1 << (i % 30))) !== 0);
}

/** As `expect(…).toEqual(…)`, which takes ten times as long where all is well. */
function same(actual: object, expected: object): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

function stampless(hash: object): Record<string, string> {
  const fields = Object.entries(hash) as [string, string][];
  return Object.fromEntries(fields.filter(([field]) => field !== ''));
}

function nonZero(hash: object): Record<string, number> {
  const counts = Object.entries(stampless(hash)).map(([field, count]): [string, number] => [field, Number(count)]);
  return Object.fromEntries(counts.filter(([, count]) => count !== 0));
}
