import { expect, test } from '@jest/globals';
import { notFound, unavailable } from '../domain/index.js';
import { SharedReads } from './shared-reads.js';

function countedReads(delayMs = 10) {
  let begun = 0;
  return {
    begun: () => begun,
    read: async (): Promise<number> => {
      begun += 1;
      const mine = begun;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      return mine;
    },
  };
}

test('when a thousand ask at once, then the first has a read of his own and the others share the next', async () => {
  const reads = new SharedReads<number>();
  const { read, begun } = countedReads();
  const answers = await Promise.all(Array.from({ length: 1000 }, () => reads.get('order', read)));
  expect(begun()).toBe(2);
  expect(answers.filter((answer) => answer === 1)).toHaveLength(1);
});

test('when somebody asks after a read began, then he is not given that one', async () => {
  const reads = new SharedReads<number>();
  const { read } = countedReads();
  const first = reads.get('order', read);
  const second = reads.get('order', read);
  await first;
  const third = reads.get('order', read);
  expect(await first).toBe(1);
  expect(await second).toBeGreaterThan(1);
  expect(await third).toBeGreaterThan(1);
});

test('when the server does not answer, then those who waited hear so too; any other refusal is not passed on', async () => {
  const reads = new SharedReads<number>();
  let begun = 0;
  const failing = (error: Error) => async (): Promise<number> => {
    begun += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    throw error;
  };
  const ask = (error: Error) => Promise.allSettled([1, 2, 3].map(() => reads.get('order', failing(error))));
  expect((await ask(unavailable(new Error('away')))).map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
  expect(begun).toBe(1);
  await ask(notFound('order'));
  expect(begun).toBe(3);
});
