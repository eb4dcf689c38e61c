import { expect, test } from '@jest/globals';
import type { Order, Sale } from '../domain/index.js';
import { OrdersCsv } from './orders-csv.js';

const at = new Date('2026-01-02T03:04:05.678Z');
const sale = {
  ticketTypes: [
    { id: 't1', name: 'Floor' },
    { id: 't2', name: '=Balcony, left' },
  ],
  buyerFields: ['note', 'age', 'member'].map((name) => ({ name })),
} as unknown as Sale;
const order: Order = {
  id: 'o1',
  saleId: 's',
  buyerId: 'ann',
  status: 'reserved',
  items: [{ ticketTypeId: 't2', quantity: 2, unitPriceMinor: 500 }],
  totalMinor: 1000,
  currency: 'EUR',
  answers: {},
  createdAt: at,
  updatedAt: at,
  holdExpiresAt: at,
};
const csv = new OrdersCsv(sale);
const noteOf = (note: string): string => csv.rows([{ ...order, answers: { note } }]).replace(/^.*EUR,|,,\r\n$/gs, '');

test('when orders are written down, then there is a column for each ticket type and field, and a row for each order', () => {
  expect(csv.header()).toBe(
    'id,status,reason,buyerId,createdAt,updatedAt,holdExpiresAt,Floor,"\'=Balcony, left",tickets,totalMinor,currency,note,age,member\r\n',
  );
  const rejected: Order = { ...order, id: 'o2', status: 'rejected', reason: 'sold_out', items: [], totalMinor: 0 };
  const time = at.toISOString();
  expect(csv.rows([{ ...order, answers: { note: 'hi', age: -3, member: false } }, rejected])).toBe(
    `o1,reserved,,ann,${time},${time},${time},0,2,2,1000,EUR,hi,-3,false\r\n` +
      `o2,rejected,sold_out,ann,${time},${time},${time},0,0,0,0,EUR,,,\r\n`,
  );
  expect(csv.rows([])).toBe('');
});

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\rx'])('when a buyer writes %j, then it is no formula', (text) => {
  expect(noteOf(text)).toBe(text.includes('\r') ? `"'${text}"` : `'${text}`);
});

test('when an answer has separators, quotes and lines, then it is quoted as RFC 4180 has it', () => {
  expect(noteOf('a,b')).toBe('"a,b"');
  expect(noteOf('say "no"')).toBe('"say ""no"""');
  expect(noteOf('two\nlines')).toBe('"two\nlines"');
  expect(noteOf('-5"\n=x')).toBe(`"'-5""\n=x"`);
});
