import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { draftOf, imageOf, loadedSale, startTestLedger, type TestLedger } from '../../test/support/loaded-sale.js';
import { saleKey } from '../redis/index.js';

let ledger: TestLedger;

beforeAll(async () => {
  ledger = await startTestLedger();
});

afterAll(() => ledger.stop());

test('when the answers of a buyer are erased, then his entries lose them and nothing else changes', async () => {
  const sale = await loadedSale(ledger.stock);
  const answers = { email: 'ann@example.org', price: 0.1 + 0.2 };
  const [first, second, other] = [
    { ...draftOf(sale, { buyerId: 'ann' }), answers, totalMinor: 2 ** 53 - 1 },
    draftOf(sale, { buyerId: 'ann' }),
    { ...draftOf(sale, { buyerId: 'bob' }), answers },
  ];
  for (const order of [first, second, other]) await ledger.stock.reserve(sale.id, order);
  const before = await imageOf(ledger.client, sale.id);

  expect(await ledger.stock.eraseAnswers(sale.id, 'ann')).toBe(1);
  expect(await ledger.stock.eraseAnswers(sale.id, 'ann')).toBe(0);

  const entries = await ledger.stock.entries(sale.id, [first.id, second.id, other.id]);
  expect(entries).toMatchObject([
    { ...first, answers: {} },
    { ...second, answers: {} },
    { ...other, answers },
  ]);
  const { queued: _, ...rest } = await imageOf(ledger.client, sale.id);
  const { queued: __, ...restBefore } = before;
  expect(rest).toEqual(restBefore);
  expect(await ledger.stock.inspect(sale.id)).toMatchObject({ sound: true, outboxSize: 3 });
});

test('when the index of buyers was lost, then the whole outbox is searched', async () => {
  const sale = await loadedSale(ledger.stock);
  await ledger.stock.reserve(sale.id, { ...draftOf(sale, { buyerId: 'ann' }), answers: { email: 'ann@example.org' } });
  await ledger.client.del(saleKey(sale.id, 'queued-by'));
  expect(await ledger.stock.eraseAnswers(sale.id, 'ann')).toBe(1);
});
