import type { Type } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { isISO4217CurrencyCode, ValidateBy, ValidateIf } from 'class-validator';

import { isId } from '../domain/index.js';
import { isStorableText } from './json-body.js';

/*
 * One decorator a field says it all: the rule for class-validator and the schema for the API's document. A DTO is read by
 * `readDto`, which takes no field that is not declared here.
 */

interface FieldOptions {
  /** The field may be left out. `null` is not left out. */
  readonly optional?: true;
  readonly description?: string;
  readonly example?: unknown;
}

interface Limits {
  readonly min: number;
  readonly max: number;
}

/** What `readDto` has to know of a field beside its rules. */
export interface Field {
  readonly optional: boolean;
  /** the rule that class-validator has for the field, to be called without it */
  readonly accepts: (value: unknown) => boolean;
  /** the value of a field that is left out */
  readonly fallback?: unknown;
  /** the DTO of each element, for a list of objects */
  readonly item?: () => Type;
  /** what the text of a query parameter stands for; the text itself where it stands for nothing */
  readonly fromText?: (text: string) => unknown;
}

const declared = new WeakMap<object, Map<string, Field>>();

/** The declared fields of a DTO, its base classes' among them. */
export function fieldsOf(dto: Type): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>();
  for (
    let prototype = dto.prototype as object | null;
    prototype !== null;
    prototype = Object.getPrototypeOf(prototype) as object | null
  ) {
    for (const [name, field] of declared.get(prototype) ?? []) {
      if (!fields.has(name)) fields.set(name, field);
    }
  }
  return fields;
}

interface FieldRule extends Omit<Field, 'optional'> {
  /** what the value must be, as in "must be an integer from 1 to 10" */
  readonly expected: string;
  readonly schema: ApiPropertyOptions;
}

function field(options: FieldOptions, { expected, accepts, schema, ...rest }: FieldRule): PropertyDecorator {
  const { optional, description, example } = options;
  const isOptional = optional === true || 'fallback' in rest;
  return (target, key) => {
    const fields = declared.get(target) ?? new Map<string, Field>();
    declared.set(target, fields.set(String(key), { ...rest, accepts, optional: isOptional }));
    ApiProperty({
      ...schema,
      required: !isOptional,
      ...(description === undefined ? {} : { description }),
      ...(example === undefined ? {} : { example }),
    } as ApiPropertyOptions)(target, key);
    if (isOptional) ValidateIf((_, value) => value !== undefined)(target, key);
    ValidateBy({
      name: 'field',
      validator: {
        validate: accepts,
        defaultMessage: (args) => (args?.value === undefined ? 'is required' : `must be ${expected}`),
      },
    })(target, key);
  };
}

/** A text of so many characters (Unicode code points, as in JSON Schema), without U+0000 and lone surrogates. */
export function Text(options: FieldOptions & Limits): PropertyDecorator {
  return field(options, {
    expected: `a text of ${range(options)} characters`,
    accepts: (value) => isText(value, options),
    schema: { type: 'string', minLength: options.min, maxLength: options.max },
  });
}

/** An integer that a double holds exactly. */
export function Integer(options: FieldOptions & Limits): PropertyDecorator {
  return field(options, integerRule(options));
}

/** An integer in a query, written in decimal digits; `fallback` where it is left out. */
export function QueryInteger({
  fallback,
  ...options
}: FieldOptions & Limits & { readonly fallback?: number }): PropertyDecorator {
  const rule = integerRule(options);
  return field(options, {
    ...rule,
    schema: { ...rule.schema, ...(fallback === undefined ? {} : { default: fallback }) },
    fromText: (text) => (/^(?:0|-?[1-9]\d{0,15})$/.test(text) ? Number(text) : text),
    ...(fallback === undefined ? {} : { fallback }),
  });
}

/** An id in the one form in which Sluice writes them: a lower-case UUID. */
export function Uuid(options: FieldOptions = {}): PropertyDecorator {
  return field(options, {
    expected: 'a lower-case UUID',
    accepts: (value) => typeof value === 'string' && isId(value),
    schema: { type: 'string', format: 'uuid' },
  });
}

/** An instant in RFC 3339, with its offset; stays the text that was sent. */
export function Timestamp(options: FieldOptions = {}): PropertyDecorator {
  return field(options, {
    expected: 'an RFC 3339 time with an offset, such as 2026-05-01T18:00:00.000Z',
    accepts: (value) => typeof value === 'string' && isTimestamp(value),
    schema: { type: 'string', format: 'date-time' },
  });
}

/** A currency's ISO 4217 code. */
export function Currency(options: FieldOptions = {}): PropertyDecorator {
  return field(options, {
    expected: 'an ISO 4217 currency code',
    accepts: (value) => typeof value === 'string' && isISO4217CurrencyCode(value) && value === value.toUpperCase(),
    schema: { type: 'string', pattern: '^[A-Z]{3}$' },
  });
}

/** One of some texts. */
export function Choice(choices: readonly string[], options: FieldOptions = {}): PropertyDecorator {
  return field(options, {
    expected: `one of ${choices.join(', ')}`,
    accepts: (value) => typeof value === 'string' && choices.includes(value),
    schema: { type: 'string', enum: [...choices] },
  });
}

/** true or false. */
export function Flag(options: FieldOptions = {}): PropertyDecorator {
  return field(options, {
    expected: 'true or false',
    accepts: (value) => typeof value === 'boolean',
    schema: { type: 'boolean' },
  });
}

/** A list of objects, each of which is read as the given DTO. */
export function ListOf(item: () => Type, options: FieldOptions & Limits): PropertyDecorator {
  return field(options, {
    expected: `a list of ${range(options)} objects`,
    accepts: (value) => isList(value, options),
    schema: { type: () => item(), isArray: true, minItems: options.min, maxItems: options.max },
    item,
  });
}

/** A list of texts, each of so many characters. */
export function TextList(options: FieldOptions & Limits & { readonly each: Limits }): PropertyDecorator {
  const { each } = options;
  return field(options, {
    expected: `a list of ${range(options)} texts of ${range(each)} characters each`,
    accepts: (value) => isList(value, options) && value.every((element) => isText(element, each)),
    schema: {
      type: 'array',
      items: { type: 'string', minLength: each.min, maxLength: each.max },
      minItems: options.min,
      maxItems: options.max,
    },
  });
}

/** A JSON object whose fields are nobody's business here. */
export function FreeObject(options: FieldOptions = {}): PropertyDecorator {
  return field(options, {
    expected: 'an object',
    accepts: isObject,
    schema: { type: 'object', additionalProperties: true },
  });
}

/**
 * A text in a query with a form of its own; `fromText` gives undefined for a text that is none. One with U+0000 is none:
 * PostgreSQL would not take it.
 */
export function QueryText(
  options: FieldOptions & { readonly expected: string; readonly fromText: (text: string) => unknown },
): PropertyDecorator {
  const { expected, fromText } = options;
  return field(options, {
    expected,
    // a symbol is nothing that a client can send
    accepts: (value) => value !== notOne,
    schema: { type: 'string' },
    fromText: (text) => (isStorableText(text) ? fromText(text) : undefined) ?? notOne,
  });
}

const notOne = Symbol('not one');

/** Whether the value is a JSON object, rather than a list, null or a plain value. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function integerRule(limits: Limits): FieldRule {
  const { min, max } = limits;
  return {
    expected: `an integer from ${range(limits)}`,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
    schema: { type: 'integer', minimum: min, maximum: max },
  };
}

function isList(value: unknown, { min, max }: Limits): value is unknown[] {
  return Array.isArray(value) && value.length >= min && value.length <= max;
}

function isText(value: unknown, { min, max }: Limits): boolean {
  // a code point is one or two of the units that `length` counts
  if (typeof value !== 'string' || value.length < min || value.length > 2 * max || !isStorableText(value)) return false;
  const length = value.length <= max && min <= 1 ? value.length : Array.from(value).length;
  return length >= min && length <= max;
}

function range({ min, max }: Limits): string {
  return `${String(min)} to ${String(max)}`;
}

/** Times whose year has four digits in UTC too, whatever the offset they came with. */
const earliestMs = Date.UTC(1000, 0, 1);
const latestMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

const timestampPattern =
  /^(\d{4})-(\d{2})-(\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;

function isTimestamp(text: string): boolean {
  const [, year, month, day] = timestampPattern.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  const inUtc = Date.parse(text);
  return (
    inUtc >= earliestMs &&
    inUtc <= latestMs &&
    date.getUTCMonth() === Number(month) - 1 &&
    date.getUTCDate() === Number(day)
  );
}
