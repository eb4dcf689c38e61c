import { createParamDecorator, type ExecutionContext, Param, type Type } from '@nestjs/common';
import { PARAMTYPES_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { ApiHeader, ApiParam } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';

import type { Admin } from './admin-keys.js';

/** What a route takes. What it does not name here, it does not take. */
export interface RouteInput {
  /** DTO of the body; without: no body, or an empty object */
  readonly body?: Type;
  /** DTO of the query; without: no query */
  readonly query?: Type;
  /** path parameters that are ids: anything but a lower-case UUID is 404 */
  readonly ids?: readonly string[];
  /** whether the header `Idempotency-Key` counts */
  readonly idempotencyKey?: boolean;
}

interface Marks {
  readonly ids: string[];
  idempotencyKey: boolean;
}

const marksKey = Symbol('sluice:route-input');

function marksOf(controller: object, method: string | symbol): Marks {
  const found = Reflect.getMetadata(marksKey, controller, method) as Marks | undefined;
  if (found !== undefined) return found;
  const marks: Marks = { ids: [], idempotencyKey: false };
  Reflect.defineMetadata(marksKey, marks, controller, method);
  return marks;
}

function documented(decorator: MethodDecorator, target: object, method: string | symbol): void {
  const descriptor = Object.getOwnPropertyDescriptor(target, method);
  if (descriptor !== undefined) decorator(target, method, descriptor);
}

/** A path parameter that is an id. Anything but a lower-case UUID is answered with 404 before the handler is called. */
export function Id(name: string): ParameterDecorator {
  return (target, method, index) => {
    if (method === undefined) throw new Error('@Id() belongs to a parameter of a method');
    Param(name)(target, method, index);
    marksOf(target.constructor, method).ids.push(name);
    documented(ApiParam({ name, schema: { type: 'string', format: 'uuid' } }), target, method);
  };
}

const idempotencyKeyParam = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<FastifyRequest>().idempotencyKey,
);

/** The request's `Idempotency-Key`, undefined where it has none. One that is not well formed is refused before. */
export function IdempotencyKey(): ParameterDecorator {
  return (target, method, index) => {
    if (method === undefined) throw new Error('@IdempotencyKey() belongs to a parameter of a method');
    idempotencyKeyParam()(target, method, index);
    marksOf(target.constructor, method).idempotencyKey = true;
    const schema = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[ -~]*$' };
    const description = 'The same key and body from the same caller are the same request: a repeat changes nothing.';
    documented(ApiHeader({ name: 'Idempotency-Key', required: false, description, schema }), target, method);
  };
}

/** The request's id where it was made here, and so is new and nobody's choice; undefined where the client brought it. */
export const OwnRequestId: () => ParameterDecorator = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const { id, raw } = context.switchToHttp().getRequest<FastifyRequest>();
  return raw.headers['x-request-id'] === id ? undefined : id;
});

/** The id of the buyer who makes the request, on a route with `@Access('buyer')`. */
export const BuyerId: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): string => context.switchToHttp().getRequest<FastifyRequest>().buyerId,
);

/** The administrator who makes the request, on a route with `@Access` of an admin's role. */
export const CurrentAdmin: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): Admin | null => context.switchToHttp().getRequest<FastifyRequest>().admin,
);

interface Argument {
  readonly index: number;
  readonly data?: unknown;
}

/**
 * What a controller's method takes, from its own parameters: `@Body() body: Dto`, `@Query() query: Dto`, `@Id('saleId')`.
 * @throws Error for a body or a query that is taken apart by name or has no class: it would not be validated
 */
export function inputOf(controller: Type, method: string): RouteInput {
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<string, Argument>;
  const types = (Reflect.getMetadata(PARAMTYPES_METADATA, controller.prototype as object, method) ?? []) as (
    Type | undefined
  )[];
  const marks = marksOf(controller, method);

  const dtoOf = (kind: RouteParamtypes.BODY | RouteParamtypes.QUERY): Type | undefined => {
    const found = Object.entries(args).filter(([key]) => key.startsWith(`${String(kind)}:`));
    if (found.length === 0) return undefined;
    const [, argument] = found[0] ?? [];
    const type = argument === undefined ? undefined : types[argument.index];
    const isDto = type !== undefined && ![Object, String, Number, Boolean, Array].includes(type as never);
    if (found.length > 1 || argument?.data !== undefined || !isDto) {
      throw new Error(`${controller.name}.${method} must take its body or query whole, as one DTO class`);
    }
    return type;
  };

  const body = dtoOf(RouteParamtypes.BODY);
  const query = dtoOf(RouteParamtypes.QUERY);
  return { ...marks, ...(body && { body }), ...(query && { query }) };
}
