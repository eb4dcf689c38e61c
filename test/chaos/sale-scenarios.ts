import { expect } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { DomainError, type Sale, type SaleStep } from '../../src/domain/index.js';
import { bodyHash, idempotencyField } from '../../src/http/index.js';
import { saleKeys, type SaleKey } from '../../src/redis/index.js';
import { CloseSalesPass } from '../../src/reconciliation/close-sales.pass.js';
import { Reconcile } from '../../src/reconciliation/reconcile.js';
import { Survey } from '../../src/reconciliation/survey.js';
import { CreateSale } from '../../src/sales/create-sale.js';
import { ChangeSale, DeleteDraft, moved, ReloadSale } from '../../src/sales/index.js';
import { patched, type SalePatch } from '../../src/sales/sale-edit.js';
import { rethrow } from '../support/rethrow.js';
import type { MortalProcess } from './mortal-process.js';
import { saleInput, type Scenario, type Scene, type Stage } from './stage.js';

const by = { actor: 'admin', action: 'sale.changed' };

/** What admins do with sales, and every way to mend one. */
export const saleScenarios: Readonly<Record<string, Scenario>> = {
  'creation of a sale': async (stage) => {
    const input = saleInput();
    const creation = { key: idempotencyField('admin', 'k'), hash: bodyHash(input) };
    const create = async (process: MortalProcess): Promise<Sale> =>
      (await process.get(CreateSale).execute('admin', input, creation)).sale;
    // the audit needs its id, which nobody knows before
    const scene = { sale: await stage.draft() };
    return {
      ...scene,
      reloads: 'after a crash',
      run: create,
      repeat: async (process, outcome) => {
        scene.sale = await create(process);
        if (outcome.kind === 'answered') expect(scene.sale.id).toBe((outcome.answer as Sale).id);
      },
      get sale() {
        return scene.sale;
      },
      verify: async () => {
        expect(await stage.rows('SELECT FROM sales')).toHaveLength(2);
      },
    };
  },

  'opening of a sale': async (stage) => step(stage, await stage.draft(), 'open', 'open'),
  'pausing of a sale': async (stage) => step(stage, await busySale(stage), 'pause', 'paused'),
  'resuming of a sale': async (stage) =>
    step(stage, await stage.move(await busySale(stage), 'pause'), 'resume', 'open'),
  'closing of a sale': async (stage) => step(stage, await busySale(stage), 'close', 'closed'),

  'cut of a capacity': async (stage) => capacity(stage, await busySale(stage), 6),
  'rise of a capacity': async (stage) => capacity(stage, await busySale(stage), 15),

  'change of limit and window': async (stage) =>
    patch(stage, await busySale(stage), { maxPerBuyer: 2, closesAt: new Date(Date.now() + 60_000).toISOString() }),

  'change of a draft': async (stage) => {
    const [first] = saleInput().ticketTypes;
    return patch(stage, await stage.draft(), {
      name: 'Other',
      ...(first && { ticketTypes: [{ ...first, capacity: 7 }] }),
    });
  },

  'deletion of a draft': async (stage) => {
    const sale = await stage.draft();
    const remove = (process: MortalProcess): Promise<void> => process.get(DeleteDraft).execute(sale.id, by);
    return {
      sale,
      reloads: 'after a crash',
      run: remove,
      repeat: (process) =>
        remove(process).catch((error: unknown) => {
          if (!(error instanceof DomainError && error.code === 'not_found')) throw error;
        }),
      verify: async () => {
        expect(await stage.rows('SELECT FROM sales')).toEqual([]);
      },
    };
  },

  'closing of a sale whose time is over': async (stage) => {
    const sale = await busySale(stage);
    await end(stage, sale);
    return {
      sale,
      reloads: 'after a crash',
      run: async (process) => process.get(CloseSalesPass).run(await process.get(Survey).take(rethrow)),
      verify: () => expectStatus(stage, sale, 'closed'),
    };
  },

  'reconciliation with something for every pass': async (stage) => {
    const sale = await busySale(stage);
    await stage.endHold(await stage.unsettled(sale, 'overdue'));
    await end(stage, sale);
    await stage.ageOutboxes();
    return {
      sale,
      reloads: 'after a crash',
      run: (process) => process.get(Reconcile).now(),
      verify: () => expectStatus(stage, sale, 'closed'),
    };
  },

  'reload after a flush': (stage) => reload(stage, (sale) => stage.redis.del(...keysOf(stage, sale)), true),
  'reload after its stock was lost': (stage) => reload(stage, (sale) => stage.redis.del(stage.saleKey(sale, 'stock'))),
  'reload after its outbox was lost': (stage) =>
    reload(stage, (sale) => stage.redis.del(stage.saleKey(sale, 'queued')), true),
  'reload after a restart of Redis': (stage) =>
    reload(stage, (sale) => stage.redis.hset(stage.saleKey(sale, 'sale'), 'runId', 'another')),
  'reload of a sale that a crash left fenced': (stage) =>
    reload(stage, (sale) => stage.redis.hset(stage.saleKey(sale, 'sale'), 'fence', newId())),
  'reload of a sale whose epoch is ahead': (stage) =>
    reload(stage, (sale) => stage.redis.hincrby(stage.saleKey(sale, 'sale'), 'epoch', 1)),
};

/** A sale in which orders are everywhere that an order can be. */
async function busySale(stage: Stage): Promise<Sale> {
  const sale = await stage.openSale();
  await Promise.all([
    stage.written(sale, 'written', { quantities: [2, 1], key: 'k' }),
    stage.unsettled(sale, 'unsettled'),
    stage.undelivered(sale, 'undelivered', { quantities: [1, 1] }),
  ]);
  await stage.orphan(sale, 'queued', { quantities: [1, 1], key: 'k' });
  return sale;
}

/** Lets its time be over. */
async function end(stage: Stage, sale: Sale): Promise<void> {
  await stage.get(ChangeSale).execute(sale.id, by, (now) => ({ ...now, closesAt: new Date(Date.now() - 1000) }));
}

async function expectStatus(stage: Stage, sale: Sale, status: string): Promise<void> {
  expect(await stage.rows('SELECT status FROM sales WHERE id = $1', [sale.id])).toEqual([{ status }]);
}

function step(stage: Stage, sale: Sale, name: SaleStep, status: string): Promise<Scene> {
  const run = (process: MortalProcess): Promise<Sale> =>
    process.get(ChangeSale).execute(sale.id, by, (now) => moved(now, name));
  return Promise.resolve({
    sale,
    reloads: 'after a crash',
    run,
    repeat: (process) =>
      run(process).catch((error: unknown) => {
        if (!(error instanceof DomainError && error.code === 'invalid_transition')) throw error;
      }),
    verify: () => expectStatus(stage, sale, status),
  });
}

function capacity(stage: Stage, sale: Sale, to: number): Promise<Scene> {
  return patch(stage, sale, { ticketTypes: sale.ticketTypes.map(({ id }) => ({ id, capacity: to })) });
}

function patch(stage: Stage, sale: Sale, change: SalePatch): Promise<Scene> {
  const run = (process: MortalProcess): Promise<Sale> =>
    process.get(ChangeSale).execute(sale.id, by, (now) => patched(now, change));
  return Promise.resolve({
    sale,
    reloads: 'after a crash',
    run,
    repeat: run,
    verify: async () => {
      const [type] = change.ticketTypes ?? [];
      const rows = await stage.rows(
        'SELECT s.max_per_buyer AS "maxPerBuyer", t.capacity FROM sales s JOIN ticket_types t ON t.sale_id = s.id',
      );
      const expected = { maxPerBuyer: change.maxPerBuyer ?? sale.maxPerBuyer, capacity: type?.capacity ?? 10 };
      expect(rows).toEqual(rows.map(() => expected));
    },
  });
}

async function reload(stage: Stage, breakSale: (sale: Sale) => Promise<unknown>, losesOutbox = false): Promise<Scene> {
  const sale = await busySale(stage);
  const queued = await stage.redis.zrange(stage.saleKey(sale, 'queued-at'), '0', '-1');
  await breakSale(sale);
  if (losesOutbox) stage.destroyed = new Set(queued);
  return { sale, reloads: 'after a crash', run: (process) => process.get(ReloadSale).mend(sale.id) };
}

function keysOf(stage: Stage, sale: Sale): string[] {
  return saleKeys.map((key: SaleKey) => stage.saleKey(sale, key));
}
