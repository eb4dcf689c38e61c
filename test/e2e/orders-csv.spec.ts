import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { OrderRepository } from '../../src/orders/index.js';
import { admin, viewerKey } from '../support/api-client.js';
import { expectStatus, openSale, purchase, writtenOrder, type GivenSale } from '../support/given.js';
import { startNodeProcess, type NodeProcess } from '../support/node-process.js';
import { startSystem, type System } from '../support/system.js';
import { bearer } from '../support/tokens.js';
import { until } from '../support/until.js';

/** Rows of the large export. CSV_ROWS=1000000 takes a minute or two. */
const manyRows = Number(process.env['CSV_ROWS'] ?? 10_000);
const slowMs = 1_800_000;

const buyerFields = [
  { name: 'email', type: 'email', required: false, label: 'E-mail' },
  { name: 'note', type: 'text', required: false, label: 'Note' },
];

let system: System;
let node: NodeProcess | undefined;
let sale: GivenSale;

beforeAll(async () => {
  system = await startSystem({ workers: 0, reconcilers: 0, env: { QUEUE_MAX_ORDERS: 'off', QUEUE_MAX_LAG_MS: 'off' } });
});

beforeEach(async () => {
  sale = await openSale(system.api, { capacities: [100, 100], buyerFields });
});

afterAll(async () => {
  await node?.stop();
  await system.stop();
});

function ask(query = '', accept = 'text/csv', url = system.api.url): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { ...bearer(viewerKey), accept };
    get(`${url}${sale.admin}/orders${query}`, { headers, agent: false }, resolve).on('error', reject);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
  return text;
}

/** The rows below the header, none of which has a cell that is quoted. */
async function rowsOf(query = ''): Promise<string[][]> {
  const lines = (await textOf(await ask(query))).split('\r\n').slice(1, -1);
  return lines.map((line) => line.split(','));
}

let batches = 0;

/** Written orders that nobody bought, straight into Postgres. */
async function given(rows: number, noteLength = 0): Promise<void> {
  batches += 1;
  await system.sql.query(
    `WITH fresh AS (
       INSERT INTO orders (id, sale_id, buyer_id, status, total_minor, currency, answers, max_per_buyer, created_at, updated_at)
       SELECT ('01890000-0000-7000-800' || $5 || '-' || lpad(to_hex(i), 12, '0'))::uuid, $1, 'b' || i, 'confirmed', 1000, 'EUR',
         json_build_object('email', 'b' || i || '@example.com', 'note', '=1+' || i || repeat('x', $4)), 4, now(), now()
       FROM generate_series(1, $2::int) i RETURNING id)
     INSERT INTO order_items SELECT id, $3, 0, 1, 1000 FROM fresh`,
    [sale.id, rows, sale.types[0], noteLength, String(batches)],
  );
}

describe('the orders of a sale as CSV', () => {
  test('when orders are queued, written and rejected, then each is a row, by the filters of the list', async () => {
    const worker = await system.startNode('worker');
    const answers = { email: 'ann@example.com', note: '@SUM(A1)' };
    const ann = await writtenOrder(system.api, sale, 'ann', { quantities: [1, 2], answers });
    const ben = await writtenOrder(system.api, sale, 'ben');
    await worker.close();
    expectStatus(202, await purchase(system.api, sale, '=cid'));

    const response = await ask();
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': `attachment; filename="orders-${sale.id}.csv"`,
      'cache-control': 'no-store',
      vary: expect.stringMatching(/(^|, )Accept$/),
    });
    expect((await textOf(response)).split('\r\n')[0]).toBe(
      'id,status,reason,buyerId,createdAt,updatedAt,holdExpiresAt,Type 1,Type 2,tickets,totalMinor,currency,email,note',
    );
    const brief = (rows: string[][]): string[][] =>
      rows.map((cells) => [cells[1] ?? '', cells[3] ?? '', ...cells.slice(7)]);
    const rows = {
      cid: ['queued', "'=cid", '1', '0', '1', '1000', 'EUR', '', ''],
      ben: ['reserved', 'ben', '1', '0', '1', '1000', 'EUR', '', ''],
      ann: ['reserved', 'ann', '1', '2', '3', '5000', 'EUR', 'ann@example.com', "'@SUM(A1)"],
    };
    expect(brief(await rowsOf())).toEqual([rows.cid, rows.ben, rows.ann]);
    expect(brief(await rowsOf('?status=queued'))).toEqual([rows.cid]);
    expect(brief(await rowsOf('?status=reserved'))).toEqual([rows.ben, rows.ann]);
    expect(brief(await rowsOf('?buyerId=ann'))).toEqual([rows.ann]);
    expect(await rowsOf('?status=expired')).toEqual([]);
    expect((await rowsOf('?status=reserved')).map(([id]) => id)).toEqual([ben.id, ann.id]);

    expectStatus(204, await system.api.request('DELETE', '/v1/admin/buyers/ann/answers', { headers: admin }));
    expect(brief(await rowsOf('?buyerId=ann'))).toEqual([[...rows.ann.slice(0, 7), '', '']]);
  });

  test.each([
    ['text/csv', true],
    ['text/csv;q=0.9, application/json;q=0.1', true],
    ['application/json, text/csv;q=0.5', false],
    ['text/csv;q=0', false],
    ['*/*', false],
  ])('when %s is accepted, then CSV comes: %s', async (accept, csv) => {
    const response = await ask('', accept);
    expect(response.headers['content-type']?.startsWith('text/csv')).toBe(csv);
    response.resume();
  });

  test('when the sale is none, then it is a problem, as JSON', async () => {
    sale = { ...sale, admin: `${sale.admin.slice(0, -12)}000000000000` };
    const response = await ask();
    expect([response.statusCode, response.headers['content-type']]).toEqual([404, 'application/problem+json']);
    response.resume();
  });

  test(
    `when there are ${manyRows} orders, then each is there once, and a node with little memory is enough`,
    async () => {
      await given(manyRows, manyRows > 100_000 ? 0 : 6000);
      node = await startNodeProcess(system.servers, ['--max-old-space-size=96']);
      const before = await node.figure('process_resident_memory_bytes');
      const startedAt = performance.now();
      let [bytes, lines, peak, lookAgainAt] = [0, 0, before, startedAt];
      for await (const chunk of await ask('', 'text/csv', node.url)) {
        const text = chunk as Buffer;
        bytes += text.length;
        for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) lines += 1;
        if (performance.now() < lookAgainAt) continue;
        peak = Math.max(peak, await node.figure('process_resident_memory_bytes'));
        lookAgainAt = performance.now() + 1000;
      }
      expect(lines).toBe(manyRows + 1);
      expect(await node.stop()).toBe(0);
      if (process.env['CSV_ROWS'] !== undefined) {
        const seconds = Math.round((performance.now() - startedAt) / 1000);
        const [from, to] = [before, peak].map((rss) => Math.round(rss / 1024 / 1024));
        process.stderr.write(`${manyRows} rows, ${bytes} bytes, ${seconds} s, memory ${from} → ${to} MB\n`);
      }
    },
    slowMs,
  );

  test('when there are many parts, then each is planned for where it begins: a plan for any would read all of the sale', async () => {
    await given(10_000);
    const questions = jest.spyOn(pg.Client.prototype, 'query');
    await textOf(await ask());
    const parts = (questions.mock.calls as unknown as [string | pg.QueryConfig][])
      .map(([question]) => question)
      .filter((question) => typeof question === 'object')
      .filter(({ text }) => text.includes('ORDER BY o.id DESC'));
    expect(parts).toHaveLength(11);
    expect(parts.filter(({ name }) => name !== undefined)).toEqual([]); // Postgres plans what is prepared for any values
    questions.mockRestore();
  });

  test('when nobody reads on, then nothing is read from Postgres; when he goes, or a server does, then that is the end', async () => {
    await given(20_000, 1000); // more than the systems in between hold
    const [api] = system.nodes;
    if (api === undefined) throw new Error('no node');
    const parts = jest.spyOn(api.get(OrderRepository, { strict: false }), 'list');
    const stalled = await ask();
    stalled.pause();
    const read = await still(() => parts.mock.calls.length);
    expect(read).toBeLessThan(20);
    stalled.destroy();
    expect(await still(() => parts.mock.calls.length)).toBeLessThanOrEqual(read + 1);

    const cut = await ask();
    cut.pause();
    await still(() => parts.mock.calls.length);
    await system.sql.query('ALTER TABLE order_items RENAME TO gone');
    const whole = textOf(cut).then(
      () => true,
      () => false,
    );
    expect(await whole).toBe(false);
    expect((await ask()).statusCode).toBe(500); // a table that is gone is a bug; nothing was sent yet
    await system.sql.query('ALTER TABLE gone RENAME TO order_items');
    parts.mockRestore();
  });
});

/** The number once it has been the same for half a second. */
async function still(count: () => number): Promise<number> {
  let [last, since] = [count(), performance.now()];
  await until(() => {
    if (count() !== last) [last, since] = [count(), performance.now()];
    return performance.now() - since > 500;
  });
  return last;
}
