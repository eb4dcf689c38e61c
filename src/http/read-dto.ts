import type { Type } from '@nestjs/common';
import { validateSync } from 'class-validator';

import { DomainError, type FieldError } from '../domain/index.js';
import { type Field, fieldsOf, isObject } from './fields.js';

const maxErrors = 20;
const maxNameLength = 100;

/** Makes a DTO of what a request brought. @throws DomainError validation_failed, with up to 20 of the faults */
export type DtoReader = (input: unknown) => object;

/**
 * A reader for a DTO whose fields are declared with `fields.ts`. Fields that are not declared are faults; a field that is
 * left out is no property of the result, unless it has a fallback. An absent body is a fault, and so is `null`.
 * @throws Error when the class has no fields at all: it was meant to be something else
 */
export function dtoReader(dto: Type): DtoReader {
  if (fieldsOf(dto).size === 0) throw new Error(`${dto.name} has no fields`);
  return (input) => {
    const errors: FieldError[] = [];
    const value = readObject(dto, input, '', errors);
    if (errors.length > 0) throw invalid(errors);
    return value;
  };
}

/**
 * A reader for the DTO of a query, whose parameters may be given once at the most.
 * @param dto undefined: no parameter is known
 */
export function queryReader(dto: Type | undefined): (query: Record<string, unknown>) => object {
  const fields = dto === undefined ? new Map<string, Field>() : fieldsOf(dto);
  const read = dto === undefined ? undefined : dtoReader(dto);
  return (query) => {
    const names = Object.keys(query);
    if (names.length === 0 && read === undefined) return query;
    const errors: FieldError[] = [];
    const values: Record<string, unknown> = {};
    for (const name of names) {
      const text = query[name];
      const field = fields.get(name);
      if (field === undefined) report(errors, clipped(name), 'is not a known query parameter');
      else if (typeof text !== 'string') report(errors, name, 'must be given once');
      else values[name] = field.fromText === undefined ? text : field.fromText(text);
    }
    if (errors.length > 0) throw invalid(errors);
    return read === undefined ? values : read(values);
  };
}

/** Refuses a body on a route that takes none: an empty object will do, and so will nothing. */
export function refuseBody(body: unknown): undefined {
  if (body === undefined || (isObject(body) && Object.keys(body).length === 0)) return undefined;
  if (!isObject(body)) throw invalid([{ path: '', message: 'must be left out' }]);
  throw invalid(
    Object.keys(body)
      .slice(0, maxErrors)
      .map((name) => ({ path: clipped(name), message: 'is not a known field' })),
  );
}

function readObject(dto: Type, input: unknown, path: string, errors: FieldError[]): object {
  if (!isObject(input)) {
    report(errors, path, 'must be an object');
    return {};
  }
  const fields = fieldsFor(dto);
  const value = Object.create(dto.prototype as object) as Record<string, unknown>;
  for (const name of Object.keys(input)) {
    if (!fields.has(name)) report(errors, join(path, clipped(name)), 'is not a known field');
    else value[name] = input[name];
  }
  for (const [name, { fallback }] of fields) {
    if (fallback !== undefined && !(name in value)) value[name] = fallback;
  }

  const faulty = new Set<string>();
  if (!isValid(fields, value)) {
    for (const { property, constraints } of validateSync(value, validation)) {
      faulty.add(property);
      report(errors, join(path, property), Object.values(constraints ?? {})[0] ?? 'is not valid');
    }
  }
  for (const [name, { item }] of fields) {
    if (item === undefined || faulty.has(name) || value[name] === undefined) continue;
    value[name] = (value[name] as unknown[]).map((element, index) =>
      readObject(item(), element, `${join(path, name)}[${String(index)}]`, errors),
    );
  }
  return value;
}

/** What class-validator would find, by the same rules; to walk its metadata for every request would cost more than the rest. */
function isValid(fields: ReadonlyMap<string, Field>, value: Readonly<Record<string, unknown>>): boolean {
  for (const [name, { optional, accepts }] of fields) {
    const given = value[name];
    if (given === undefined ? !optional : !accepts(given)) return false;
  }
  return true;
}

const validation = {
  forbidUnknownValues: false,
  stopAtFirstError: true,
  validationError: { target: false, value: false },
};

const knownFields = new WeakMap<Type, ReadonlyMap<string, Field>>();

function fieldsFor(dto: Type): ReadonlyMap<string, Field> {
  let fields = knownFields.get(dto);
  if (fields === undefined) knownFields.set(dto, (fields = fieldsOf(dto)));
  return fields;
}

function report(errors: FieldError[], path: string, message: string): void {
  if (errors.length < maxErrors) errors.push({ path, message });
}

function invalid(errors: readonly FieldError[]): DomainError {
  const [first] = errors;
  const detail =
    first === undefined
      ? 'The request is not valid.'
      : `${first.path === '' ? 'The body' : first.path} ${first.message}.`;
  return new DomainError('validation_failed', detail, { errors });
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function clipped(name: string): string {
  return name.length > maxNameLength ? `${name.slice(0, maxNameLength)}…` : name;
}
