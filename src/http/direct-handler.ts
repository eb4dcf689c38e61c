import type { ExecutionContext, Type } from '@nestjs/common';
import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  HTTP_CODE_METADATA,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
  ROUTE_ARGS_METADATA,
} from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyReply, FastifyRequest } from 'fastify';

interface Argument {
  readonly index: number;
  readonly data?: unknown;
  /** of a decorator made by `createParamDecorator` */
  readonly factory?: (data: unknown, context: ExecutionContext) => unknown;
}

type ReadArgument = (request: FastifyRequest, reply: FastifyReply) => unknown;
type Method = (...args: unknown[]) => unknown;

/**
 * Fastify's handler for a controller's method: calls it with what its parameters' decorators ask for, and nothing in
 * between. Nest's own way there took a bare route from 24,000 to 10,700 answers a second (docs/performance.md), for guards, pipes and interceptors
 * that the hooks in `routes.ts` make needless.
 * @param resolve gives the controller's instance, once Nest has made it
 * @throws Error, at once, for a method that counts on what is left out
 */
export function directHandler(
  controller: Type,
  method: string,
  verb: string,
  resolve: (controller: Type) => object,
): (request: FastifyRequest, reply: FastifyReply) => unknown {
  const handler = (controller.prototype as Record<string, unknown>)[method] as object;
  for (const key of [GUARDS_METADATA, PIPES_METADATA, INTERCEPTORS_METADATA, EXCEPTION_FILTERS_METADATA]) {
    if (Reflect.hasMetadata(key, handler) || Reflect.hasMetadata(key, controller)) {
      throw new Error(`${controller.name}.${method}: Nest's ${key} are not called on routes under /v1`);
    }
  }
  const readers = readersOf(controller, method);
  const status =
    (Reflect.getMetadata(HTTP_CODE_METADATA, handler) as number | undefined) ?? (verb === 'POST' ? 201 : 200);
  let target: Record<string, Method> | undefined;
  return (request, reply) => {
    target ??= resolve(controller) as Record<string, Method>;
    reply.statusCode = status;
    return target[method]?.(...readers.map((read) => read(request, reply)));
  };
}

const plainReaders: Readonly<Record<number, (data: unknown) => ReadArgument>> = {
  [RouteParamtypes.REQUEST]: () => (request) => request,
  [RouteParamtypes.RESPONSE]: () => (_, reply) => reply,
  [RouteParamtypes.BODY]: () => (request) => request.body,
  [RouteParamtypes.QUERY]: () => (request) => request.query,
  [RouteParamtypes.PARAM]: (data) => (request) => (request.params as Record<string, string>)[String(data)],
};

/** For each parameter, in order, what its decorator stands for. */
function readersOf(controller: Type, method: string): ReadArgument[] {
  const metadata = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<string, Argument>;
  const readers: ReadArgument[] = [];
  for (const [key, { index, data, factory }] of Object.entries(metadata)) {
    const plain = plainReaders[Number(key.split(':')[0])];
    if (factory !== undefined) readers[index] = (request, reply) => factory(data, contextOf(request, reply));
    else if (plain !== undefined) readers[index] = plain(data);
    else throw new Error(`${controller.name}.${method}: the decorator of parameter ${index} is not known here`);
  }
  return readers;
}

/** As much of Nest's context as a parameter decorator of ours asks for. */
function contextOf(request: FastifyRequest, reply: FastifyReply): ExecutionContext {
  const http = { getRequest: () => request, getResponse: () => reply };
  return { switchToHttp: () => http } as unknown as ExecutionContext;
}
