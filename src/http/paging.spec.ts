import { expect, test } from '@jest/globals';

import { page } from './index.js';

const ids = [
  '01890000-0000-7000-8000-000000000003',
  '01890000-0000-7000-8000-000000000002',
  '01890000-0000-7000-8000-000000000001',
];
const rows = ids.map((id) => ({ id }));

test('when there are more rows than the limit, then the cursor stands for the last one shown', () => {
  const { data, nextCursor } = page(rows, 2, (row) => row.id);
  expect(data).toEqual(rows.slice(0, 2));
  expect(Buffer.from(nextCursor ?? '', 'base64url').toString()).toBe(ids[1]);
});

test('when there are no more, then there is no cursor', () => {
  expect(page(rows, 3, (row) => row.id)).toEqual({ data: rows, nextCursor: null });
  expect(page([], 3, () => '')).toEqual({ data: [], nextCursor: null });
});
