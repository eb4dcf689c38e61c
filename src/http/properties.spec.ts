import { describe, expect, test } from '@jest/globals';

import type { DomainError } from '../domain/index.js';
import { Choice, Flag, ListOf, Text, TextList, Timestamp } from './index.js';
import { inputPipe } from './input.pipe.js';

class ItemDto {
  @Text({ min: 1, max: 3 })
  text!: string;
}

class BaseDto {
  @Text({ min: 1, max: 3, optional: true })
  text?: string;
}

class Dto extends BaseDto {
  @Timestamp({ optional: true })
  at?: string;

  @Choice(['none', 'webhook'], { optional: true })
  payment?: string;

  @Flag({ optional: true })
  required?: boolean;

  @TextList({ min: 0, max: 2, each: { min: 1, max: 3 }, optional: true })
  choices?: string[];

  @ListOf(() => ItemDto, { optional: true, min: 1, max: 2 })
  items?: ItemDto[];
}

const read = (input: unknown): Promise<unknown> => inputPipe.transform(input, { type: 'body', metatype: Dto });

async function faultOf(input: unknown): Promise<string | undefined> {
  try {
    await read(input);
  } catch (error) {
    return (error as DomainError).facts.errors?.map(({ path, message }) => `${path} ${message}`).join('; ');
  }
  return undefined;
}

describe('a property', () => {
  test.each([
    { text: 'abc' },
    { text: '🎫🎫🎫' },
    { at: '2026-05-01T18:00:00Z' },
    { at: '2024-02-29T23:59:59.123456789+14:00' },
    { payment: 'webhook' },
    { required: false },
    { choices: [] },
    { choices: ['a', 'bcd'] },
    {},
  ])('when it is %j, then it is taken', async (input) => {
    expect(await read({ ...input })).toEqual(Object.assign(new Dto(), input));
  });

  test.each<[unknown, string]>([
    [{ text: '' }, 'text must be a text of 1 to 3 characters'],
    [{ text: 'abcd' }, 'text must be a text of 1 to 3 characters'],
    [{ text: '🎫🎫🎫🎫' }, 'text must be a text of 1 to 3 characters'],
    [{ text: 'a\0' }, 'text must be a text of 1 to 3 characters'],
    [{ text: 1 }, 'text must be a text of 1 to 3 characters'],
    [{ text: null }, 'text must be a text of 1 to 3 characters'],
    [{ payment: 'card' }, 'payment must be one of none, webhook'],
    [{ required: 'true' }, 'required must be true or false'],
    [{ choices: ['a', 'b', 'c'] }, 'choices must be a list of 0 to 2 texts of 1 to 3 characters each'],
    [{ choices: ['a', ''] }, 'choices must be a list of 0 to 2 texts of 1 to 3 characters each'],
    ...['toString', 'constructor', 'prototype', 'hasOwnProperty', 'x'].map((name): [unknown, string] => [
      { [name]: 1 },
      `${name} is not a known field`,
    ]),
    [{ items: [{ constructor: 1 }] }, 'items[0].constructor is not a known field'],
    [{ items: [{}, 7] }, 'items[0].text is required; items[1] must be an object'],
    [{ items: [[]] }, 'items must be a list of 1 to 2 objects'],
    [{ items: null }, 'items must be a list of 1 to 2 objects'],
    [undefined, ' must be an object'],
    [[], ' must be an object'],
  ])('when it is %j, then it is refused', async (input, fault) => {
    expect(await faultOf(input)).toBe(fault);
  });

  test.each([
    '2026-05-01',
    '2026-05-01T18:00:00',
    '2026-05-01 18:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-05-01T24:00:00Z',
    '2026-05-01T23:59:60Z',
    '2026-05-01T18:00:00+2:00',
    '9999-12-31T23:59:59-01:00',
    '0000-01-01T00:00:00Z',
    '1777658400000',
  ])('when a time is %s, then it is refused', async (at) => {
    expect(await faultOf({ at })).toMatch(/^at must be an RFC 3339 time/);
  });
});
