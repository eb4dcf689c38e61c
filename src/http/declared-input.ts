import type { Type } from '@nestjs/common';
import { PARAMTYPES_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';

import { invalidInput, isObject, unknownFields } from './input.pipe.js';

/** Whether a route takes a body and a query. */
export interface DeclaredInput {
  readonly body: boolean;
  readonly query: boolean;
}

/** What TypeScript notes for the type of a parameter that is no class. */
const noDto = new Set<unknown>([undefined, Object, String, Number, Boolean, Array]);

/**
 * What a controller's method takes, found as Swagger finds it: by its parameters' `@Body()` and `@Query()`.
 * @throws Error for a body or a query that is taken apart by name or has no class: it would not be validated
 */
export function declaredInput(controller: Type, method: string): DeclaredInput {
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Readonly<
    Record<string, { readonly index: number; readonly data?: unknown }>
  >;
  const types = (Reflect.getMetadata(PARAMTYPES_METADATA, controller.prototype as object, method) ?? []) as unknown[];
  const takes = (kind: RouteParamtypes): boolean => {
    const found = Object.entries(args).filter(([key]) => key.startsWith(`${kind}:`));
    if (found.some(([, { index, data }]) => data !== undefined || noDto.has(types[index]))) {
      throw new Error(`${controller.name}.${method} must take its body or query whole, as one DTO class`);
    }
    return found.length > 0;
  };
  return { body: takes(RouteParamtypes.BODY), query: takes(RouteParamtypes.QUERY) };
}

/**
 * Refuses what a route does not take. A body that is an empty object is none.
 * @throws DomainError validation_failed
 */
export function refuseUndeclared({ body, query }: DeclaredInput, request: FastifyRequest): void {
  const parameters = query ? [] : unknownFields(request.query as object);
  if (parameters.length > 0) throw invalidInput(parameters);
  if (body || request.body === undefined) return;
  if (!isObject(request.body)) throw invalidInput([{ path: '', message: 'must be left out' }]);
  const fields = unknownFields(request.body);
  if (fields.length > 0) throw invalidInput(fields);
}
