import { createParamDecorator, type ExecutionContext, Param, type PipeTransform } from '@nestjs/common';
import { ApiHeader, ApiParam } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';

import { isId } from '../domain/index.js';
import { idempotencyKeyOf } from './idempotency.js';

function requestOf(context: ExecutionContext): FastifyRequest {
  return context.switchToHttp().getRequest<FastifyRequest>();
}

/** The id that nothing has. */
const nil = '00000000-0000-0000-0000-000000000000';

/**
 * Reads what is no id as the id of nothing. So it is answered like an id that is unknown, and, as the contract wants, after faults in
 * the body and the query: Nest runs the pipes of all parameters at once, and what is thrown here would be answered first.
 */
const idPipe: PipeTransform<string, string> = { transform: (text) => (isId(text) ? text : nil) };

/** A path parameter that is an id: a lower-case UUID, or the nil one in place of anything else. */
export function Id(name: string): ParameterDecorator {
  return (target, method, index) => {
    Param(name, idPipe)(target, method, index);
    document(ApiParam({ name, schema: { type: 'string', format: 'uuid' } }), target, method);
  };
}

/** How the header `Idempotency-Key` is documented. */
export const idempotencyKeyHeader = {
  name: 'Idempotency-Key',
  required: false,
  description: 'The same key and body from the same caller are the same request: a repeat changes nothing.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[ -~]*$' },
} as const;

const idempotencyKeyParam = createParamDecorator((_: unknown, context) => idempotencyKeyOf(requestOf(context).raw));

/** The request's `Idempotency-Key`, undefined where it has none. One that is not well formed is refused. */
export function IdempotencyKey(): ParameterDecorator {
  return (target, method, index) => {
    idempotencyKeyParam()(target, method, index);
    document(ApiHeader(idempotencyKeyHeader), target, method);
  };
}

/** The id of the buyer who makes the request, on a route with `@Access('buyer')`. */
export const BuyerId = createParamDecorator((_: unknown, context) => requestOf(context).buyerId);

/** The administrator who makes the request, on a route with `@Access` of an admin's role. */
export const CurrentAdmin = createParamDecorator((_: unknown, context) => requestOf(context).admin);

/** Lets a decorator of a parameter document its method. */
function document(decorator: MethodDecorator, target: object, method: string | symbol | undefined): void {
  const descriptor = method === undefined ? undefined : Object.getOwnPropertyDescriptor(target, method);
  if (method !== undefined && descriptor !== undefined) decorator(target, method, descriptor);
}
