import { describe, expect, test } from '@jest/globals';
import { checkAnswers, type BuyerField, type BuyerFieldType } from './buyer-fields.js';

function field(
  type: BuyerFieldType,
  options: { required?: boolean; name?: string; choices?: string[] } = {},
): BuyerField {
  const { required = false, name = 'field', choices } = options;
  return { name, type, required, label: 'Label', ...(choices === undefined ? {} : { choices }) };
}

const choices = ['S', 'M', 'L'];
const maxAnswerLength = 1000;

describe('when an answer is of its type, then nothing is wrong', () => {
  test.each<[BuyerFieldType, unknown]>([
    ['text', 'anything 🎫\n'],
    ['text', ''],
    ['text', 'x'.repeat(maxAnswerLength)],
    ['email', 'a@b.example'],
    ['email', "o'hara+tickets@mail.b-c.example"],
    ['email', `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(57)}.ee`],
    ['number', 0],
    ['number', -1.5e300],
    ['boolean', false],
    ['boolean', true],
    ['choice', 'M'],
  ])('%s: %j', (type, value) => {
    const one = field(type, type === 'choice' ? { choices } : {});
    expect(checkAnswers([one], { field: value })).toEqual([]);
  });
});

describe('when an answer is not of its type, then that is told', () => {
  test.each<[BuyerFieldType, unknown, string]>([
    ['text', 5, 'must be a string'],
    ['text', null, 'must be a string'],
    ['text', ['a'], 'must be a string'],
    ['text', 'x'.repeat(maxAnswerLength + 1), 'must be at most 1000 characters long'],
    ['email', 'a', 'must be an e-mail address'],
    ['email', '', 'must be an e-mail address'],
    ['email', 'a@b', 'must be an e-mail address'],
    ['email', 'a b@c.example', 'must be an e-mail address'],
    ['email', 'a@b.example\n', 'must be an e-mail address'],
    ['email', 'a@-b.example', 'must be an e-mail address'],
    ['email', `a@${'b'.repeat(64)}.example`, 'must be an e-mail address'],
    ['email', `${'a'.repeat(250)}@b.ee`, 'must be an e-mail address'],
    ['email', 7, 'must be an e-mail address'],
    ['number', '5', 'must be a number'],
    ['number', NaN, 'must be a number'],
    ['number', Infinity, 'must be a number'],
    ['number', null, 'must be a number'],
    ['boolean', 'true', 'must be true or false'],
    ['boolean', 1, 'must be true or false'],
    ['choice', 'XL', 'must be one of: S, M, L'],
    ['choice', 'm', 'must be one of: S, M, L'],
    ['choice', ['M'], 'must be one of: S, M, L'],
  ])('%s: %j', (type, value, message) => {
    const one = field(type, type === 'choice' ? { choices } : {});
    expect(checkAnswers([one], { field: value })).toEqual([{ path: 'answers.field', message }]);
  });
});

describe('when a field is required', () => {
  const required = [field('text', { required: true })];

  test.each([
    ['missing', {}, 'is required'],
    ['empty', { field: '' }, 'must not be empty'],
    ['only blanks', { field: ' \n\t' }, 'must not be empty'],
    ['null', { field: null }, 'must be a string'],
  ])('and its answer is %s, then it is refused', (_what, answers, message) => {
    expect(checkAnswers(required, answers)).toEqual([{ path: 'answers.field', message }]);
  });

  test.each<[BuyerFieldType, unknown]>([
    ['boolean', false],
    ['number', 0],
  ])('and the answer is the %s %j, then that is an answer', (type, value) => {
    expect(checkAnswers([field(type, { required: true })], { field: value })).toEqual([]);
  });
});

test('when a field is not required, then it may be left out, but not be null', () => {
  expect(checkAnswers([field('text')], {})).toEqual([]);
  expect(checkAnswers([field('text')], { field: null })).toHaveLength(1);
});

test('when an answer belongs to no field, then it is refused, also where the sale asks nothing', () => {
  const unknown = { path: 'answers.other', message: 'is not a field of this sale' };
  expect(checkAnswers([], { other: 1 })).toEqual([unknown]);
  expect(checkAnswers([field('text')], { field: 'a', other: 1 })).toEqual([unknown]);
});

test.each(['__proto__', 'constructor', 'toString'])(
  'when a field is called %s, then it is a field as any other',
  (name) => {
    const fields = [field('text', { name, required: true })];
    expect(checkAnswers(fields, {})).toEqual([{ path: `answers.${name}`, message: 'is required' }]);
    expect(checkAnswers(fields, JSON.parse(`{"${name}":"a"}`) as Record<string, unknown>)).toEqual([]);
    expect(checkAnswers([], JSON.parse(`{"${name}":"a"}`) as Record<string, unknown>)).toHaveLength(1);
  },
);

test('when several answers are wrong, then all are told, in the order of the fields', () => {
  const fields = [field('number', { name: 'age' }), field('email', { name: 'mail', required: true }), field('boolean')];
  expect(checkAnswers(fields, { extra: 1, field: 'yes', age: 'old' }).map(({ path }) => path)).toEqual([
    'answers.age',
    'answers.mail',
    'answers.field',
    'answers.extra',
  ]);
});

test('when a hundred answers are unknown, then twenty are named', () => {
  const answers = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`f${String(n)}`, n]));
  expect(checkAnswers([], answers)).toHaveLength(20);
});
