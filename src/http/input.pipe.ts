import { type ArgumentMetadata, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';

import { DomainError, type FieldError } from '../domain/index.js';

const maxErrors = 20;
const maxNameLength = 100;

/**
 * Nest's ValidationPipe, for every body and query: makes the DTO of it, and refuses what the DTO does not name.
 * @throws DomainError validation_failed, with up to 20 of the faults
 */
class InputPipe extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      stopAtFirstError: true,
      exceptionFactory: (errors) => invalidInput(faultsIn(errors, '')),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body' || metadata.type === 'query') {
      // Nest reads an absent body as an empty one
      if (!isObject(value)) throw invalidInput([{ path: '', message: 'must be an object' }]);
      const dropped = droppedFields(value, '');
      if (dropped.length > 0) throw invalidInput(dropped);
    }
    return (await super.transform(value, metadata)) as unknown;
  }
}

/** The one pipe of all routes. */
export const inputPipe = new InputPipe();

/** The refusal of a body or a query with these faults, of which there is at least one. */
export function invalidInput(errors: readonly FieldError[]): DomainError {
  const [{ path, message } = { path: '', message: 'is not valid' }] = errors;
  const detail = `${path === '' ? 'The body' : path} ${message}.`;
  return new DomainError('validation_failed', detail, { errors: errors.slice(0, maxErrors) });
}

/** A fault for each field of a value that may have none. */
export function unknownFields(value: object): FieldError[] {
  return Object.keys(value).map((name) => unknownField('', name));
}

/** Whether the value is a JSON object, rather than a list, null or a plain value. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknownField(path: string, name: string): FieldError {
  const clipped = name.length > maxNameLength ? `${name.slice(0, maxNameLength)}…` : name;
  return { path: path === '' ? clipped : `${path}.${clipped}`, message: 'is not a known field' };
}

/** Fields that Nest and class-transformer leave out, for safety and without a word, before anything is validated. */
function droppedFields(value: object, path: string): FieldError[] {
  return Object.entries(value).flatMap(([name, field]: [string, unknown]) => {
    if (name in Object.prototype || name === 'prototype') return [unknownField(path, name)];
    if (!Array.isArray(field)) return [];
    const place = path === '' ? name : `${path}.${name}`;
    return field.flatMap((element, index) => (isObject(element) ? droppedFields(element, `${place}[${index}]`) : []));
  });
}

/** The faults of an object's own fields, then those in its lists. */
function faultsIn(errors: readonly ValidationError[], path: string): FieldError[] {
  const pathOf = ({ property }: ValidationError): string => (path === '' ? property : `${path}.${property}`);
  const own = errors.flatMap((error) => faultOf(error, path, pathOf(error)));
  const nested = errors.flatMap((error) =>
    (error.children ?? []).flatMap((element) => {
      const place = `${pathOf(error)}[${element.property}]`;
      return [...faultOf(element, '', place), ...faultsIn(element.children ?? [], place)];
    }),
  );
  return [...own, ...nested];
}

function faultOf({ constraints, property }: ValidationError, parent: string, path: string): FieldError[] {
  if (constraints === undefined) return [];
  if ('whitelistValidation' in constraints) return [unknownField(parent, property)];
  return [{ path, message: Object.values(constraints)[0] ?? 'is not valid' }];
}
