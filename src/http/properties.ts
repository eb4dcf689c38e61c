import { applyDecorators, type Type as Class } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsISO4217CurrencyCode,
  IsObject,
  IsUppercase,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
  ValidateNested,
  type ValidationArguments,
} from 'class-validator';

import { isId } from '../domain/index.js';
import { isStorableText } from './body-parser.js';

/*
 * Decorators for the properties of DTOs. Each is class-validator's rules and Swagger's schema under one name, so that the API's
 * document cannot say something else than the code checks.
 */

interface PropertyOptions {
  /** The property may be left out. `null` is not left out. */
  readonly optional?: true;
  readonly description?: string;
}

interface Limits {
  readonly min: number;
  readonly max: number;
}

function property(
  { optional, description }: PropertyOptions,
  schema: ApiPropertyOptions,
  ...rules: readonly PropertyDecorator[]
): PropertyDecorator {
  const about = { required: optional !== true, ...(description === undefined ? {} : { description }) };
  return applyDecorators(
    ApiProperty({ ...schema, ...about } as ApiPropertyOptions),
    ...(optional === true ? [ValidateIf((_, value) => value !== undefined)] : []),
    ...rules,
  );
}

/** What a refusal says, as in "must be an integer from 1 to 10". */
function must(expected: string): { message: (args: ValidationArguments) => string } {
  return { message: ({ value }) => (value === undefined ? 'is required' : `must be ${expected}`) };
}

/** A rule that class-validator does not have. */
function rule(expected: string, validate: (value: unknown) => boolean): PropertyDecorator {
  return ValidateBy({ name: 'rule', validator: { validate } }, must(expected));
}

/** A text of so many characters (Unicode code points, as in JSON Schema), without U+0000 and lone surrogates. */
export function Text({ min, max, ...options }: PropertyOptions & Limits): PropertyDecorator {
  return property(
    options,
    { type: 'string', minLength: min, maxLength: max },
    rule(`a text of ${min} to ${max} characters`, (value) => isText(value, { min, max })),
  );
}

/** An integer that a double holds exactly. */
export function Integer({ min, max, ...options }: PropertyOptions & Limits): PropertyDecorator {
  return property(options, { type: 'integer', minimum: min, maximum: max }, ...integer({ min, max }));
}

/** An integer in a query, written in decimal digits. The initializer of the property is its default. */
export function QueryInteger({
  min,
  max,
  default: fallback,
  ...options
}: PropertyOptions & Limits & { readonly default: number }): PropertyDecorator {
  return property(
    { ...options, optional: true },
    { type: 'integer', minimum: min, maximum: max, default: fallback },
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^(?:0|-?[1-9]\d{0,15})$/.test(value) ? Number(value) : value,
    ),
    ...integer({ min, max }),
  );
}

function integer({ min, max }: Limits): PropertyDecorator[] {
  const expected = must(`an integer from ${min} to ${max}`);
  return [IsInt(expected), Min(min, expected), Max(max, expected)];
}

/**
 * A text in a query that stands for something.
 * @param read what the handler gets; undefined: the text stands for nothing, and is refused
 */
export function QueryText({
  expected,
  read,
  ...options
}: PropertyOptions & {
  readonly expected: string;
  readonly read: (text: string) => string | undefined;
}): PropertyDecorator {
  return property(
    { ...options, optional: true },
    { type: 'string' },
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? (read(value) ?? null) : null)),
    rule(expected, (value) => value !== null),
  );
}

/** An id in the one form in which Sluice writes them: a lower-case UUID. */
export function Uuid(options: PropertyOptions = {}): PropertyDecorator {
  const isUuid = (value: unknown): boolean => typeof value === 'string' && isId(value);
  return property(options, { type: 'string', format: 'uuid' }, rule('a lower-case UUID', isUuid));
}

/** An instant in RFC 3339, with its offset; stays the text that was sent. */
export function Timestamp(options: PropertyOptions = {}): PropertyDecorator {
  return property(
    options,
    { type: 'string', format: 'date-time' },
    rule('an RFC 3339 time with an offset, such as 2026-05-01T18:00:00.000Z', isTimestamp),
  );
}

/** A currency's ISO 4217 code. */
export function Currency(options: PropertyOptions = {}): PropertyDecorator {
  const expected = must('an ISO 4217 currency code');
  return property(
    options,
    { type: 'string', pattern: '^[A-Z]{3}$' },
    IsISO4217CurrencyCode(expected),
    IsUppercase(expected),
  );
}

/** One of some texts. */
export function Choice(choices: readonly string[], options: PropertyOptions = {}): PropertyDecorator {
  return property(options, { type: 'string', enum: [...choices] }, IsIn(choices, must(`one of ${choices.join(', ')}`)));
}

/** true or false. */
export function Flag(options: PropertyOptions = {}): PropertyDecorator {
  return property(options, { type: 'boolean' }, IsBoolean(must('true or false')));
}

/** A list of objects, each of which is read as the given DTO. */
export function ListOf(item: () => Class, { min, max, ...options }: PropertyOptions & Limits): PropertyDecorator {
  return property(
    options,
    { type: () => item(), isArray: true, minItems: min, maxItems: max },
    rule(
      `a list of ${min} to ${max} objects`,
      // class-validator takes a list in the list for one list
      (value) => isList(value, { min, max }) && !value.some(Array.isArray),
    ),
    ValidateNested({ each: true, message: 'must be an object' }),
    Type(item),
  );
}

/** A list of texts, each of so many characters. */
export function TextList({
  min,
  max,
  each,
  ...options
}: PropertyOptions & Limits & { readonly each: Limits }): PropertyDecorator {
  return property(
    options,
    {
      type: 'array',
      items: { type: 'string', minLength: each.min, maxLength: each.max },
      minItems: min,
      maxItems: max,
    },
    rule(
      `a list of ${min} to ${max} texts of ${each.min} to ${each.max} characters each`,
      (value) => isList(value, { min, max }) && value.every((element) => isText(element, each)),
    ),
  );
}

/** A JSON object with any fields. */
export function FreeObject(options: PropertyOptions = {}): PropertyDecorator {
  return property(options, { type: 'object', additionalProperties: true }, IsObject(must('an object')));
}

function isList(value: unknown, { min, max }: Limits): value is unknown[] {
  return Array.isArray(value) && value.length >= min && value.length <= max;
}

/** Whether the value is a text of so many code points that PostgreSQL can hold. */
export function isText(value: unknown, { min, max }: Limits): value is string {
  // a code point is one or two of the units that `length` counts
  if (typeof value !== 'string' || value.length < min || value.length > 2 * max || !isStorableText(value)) return false;
  const length = value.length <= max && min <= 1 ? value.length : Array.from(value).length;
  return length >= min && length <= max;
}

/** Times whose year has four digits in UTC too, whatever the offset they came with. */
const earliestMs = Date.UTC(1000, 0, 1);
const latestMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

const timestampPattern =
  /^(\d{4})-(\d{2})-(\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;

function isTimestamp(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const [, year, month, day] = timestampPattern.exec(value) ?? [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  const inUtc = Date.parse(value);
  return (
    inUtc >= earliestMs &&
    inUtc <= latestMs &&
    date.getUTCMonth() === Number(month) - 1 &&
    date.getUTCDate() === Number(day)
  );
}
