import type { Type } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';

import { DomainError, isId } from '../domain/index.js';
import type { RouteDeclaration } from './access.js';
import type { Access, Authentication } from './authentication.js';
import { clientAddress } from './client-address.js';
import { directHandler } from './direct-handler.js';
import { readIdempotencyKey } from './idempotency.js';
import { isStorableText } from './json-body.js';
import { dtoReader, queryReader, refuseBody } from './read-dto.js';
import { countOf } from './raw-headers.js';
import { refuse } from './refusal.js';
import type { RequestLimits } from './request-limits.js';
import { inputOf } from './route-input.js';

const bodyLimit = 16 * 1024;
const adminBodyLimit = 256 * 1024;
const maxParamLength = 255;
const maxDrainedBytes = 1024 * 1024;
const noBody = Buffer.alloc(0);

declare module 'fastify' {
  interface FastifyRequest {
    /** the request's `Idempotency-Key`, on routes that take one */
    idempotencyKey: string | undefined;
    /** the address, or its block, that the request counts for, under /v1 */
    clientAddress: string;
  }
}

/** What limits requests; undefined: nothing does. */
export type LimitsOf = () => RequestLimits | undefined;

/**
 * Puts the gate and the input check before every route under /v1, in Fastify's own hooks: a refusal costs no Nest, and a
 * controller cannot forget them. The order is the contract's (section 4): 429 by address and 503, 401 and 403, 429 by buyer, 413,
 * 415, 400, 404.
 * @throws Error, while routes are added, for a route that does not say who may call it
 */
export function guardRoutes(
  instance: FastifyInstance,
  authentication: Authentication,
  limitsOf: LimitsOf,
  controllerOf: (controller: Type) => object,
): void {
  instance.decorateRequest('buyerId', '');
  instance.decorateRequest('buyerTier', undefined);
  instance.decorateRequest('admin', null);
  instance.decorateRequest('bodyCheck', null);
  instance.decorateRequest('clientAddress', '');
  instance.decorateRequest('idempotencyKey', undefined);

  instance.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/v1/')) return;
    const isAdminRoute = route.url.startsWith('/v1/admin/');
    const { access, handler } = declarationOf(route, isAdminRoute);
    route.bodyLimit = isAdminRoute ? adminBodyLimit : bodyLimit;
    route.onRequest = [gate(authentication, limitsOf, access, route.bodyLimit), ...listOf(route.onRequest)];
    route.preValidation = [inputCheck(route.url, handler), ...listOf(route.preValidation)];
    route.handler = directHandler(handler.controller, handler.method, String(route.method), controllerOf);
  });
}

function declarationOf({ method, url, config }: RouteOptions, isAdminRoute: boolean): RouteDeclaration {
  const declaration = config?.declaration;
  const route = `${String(method)} ${url}`;
  if (declaration === undefined) throw new Error(`${route} must say who may call it: add @Access()`);
  const { access } = declaration;
  if (isAdminRoute === ['public', 'buyer', 'signature'].includes(access)) {
    throw new Error(`${route} must not have the access ${access}: administrators, and only they, go to /v1/admin`);
  }
  return declaration;
}

function listOf<T>(value: T | T[] | undefined): T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

type Done = (error?: Error) => void;

/** Is it one too many (429, 503), who is it (401, 403), and is the body too large to be read (413). */
function gate(authentication: Authentication, limitsOf: LimitsOf, access: Access, limit: number) {
  return (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    limited(limitsOf(), request, reply, done, (proceed) => {
      admitted(authentication, access, request, (refusal) => {
        proceed(refusal ?? tooLarge(request, reply, limit));
      });
    });
  };
}

/** Finds out who it is, at once or later. @param then called once, with the refusal or without */
export function admitted(
  authentication: Authentication,
  access: Access,
  request: FastifyRequest,
  then: (refusal: Error | undefined) => void,
): void {
  try {
    const admission = authentication.admit(access, request);
    if (admission === undefined) then(undefined);
    else
      admission.then(() => {
        then(undefined);
      }, then);
  } catch (error) {
    then(error as Error);
  }
}

/** Counts a request once it is known whose it is, and whether it is refused: a refusal that comes before in the order wins. */
export function limited(
  limits: RequestLimits | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
  done: Done,
  identify: (proceed: (refusal: Error | undefined) => void) => void,
): void {
  if (limits === undefined) {
    identify(done);
    return;
  }
  request.clientAddress = clientAddress(request);
  limits.screen(request, reply, (refusal) => {
    if (refusal !== undefined) {
      done(refusal);
      return;
    }
    identify((other) => {
      limits.take(request, reply, (tooMany) => {
        done(tooMany ?? other);
      });
    });
  });
}

function tooLarge(request: FastifyRequest, reply: FastifyReply, limit: number): Error | undefined {
  const length = request.raw.headers['content-length'];
  if (length === undefined || Number(length) <= limit) return undefined;
  // Node reads the rest and throws it away, so that the client sees the answer; but not without end
  if (Number(length) > maxDrainedBytes) reply.header('connection', 'close');
  return refuse('payload_too_large');
}

/** Is what the request brought what the route takes (400), and are its ids ids (404). */
function inputCheck(url: string, { controller, method }: RouteDeclaration['handler']) {
  const input = inputOf(controller, method);
  const readBody = input.body === undefined ? refuseBody : dtoReader(input.body);
  const readQuery = queryReader(input.query);
  const readParams = paramsReader(url, input.ids ?? []);
  return (request: FastifyRequest, _reply: FastifyReply, done: Done): void => {
    try {
      request.bodyCheck?.(noBody); // a body was checked when it was read
      request.query = readQuery(request.query as Record<string, unknown>);
      request.body = readBody(request.body);
      if (input.idempotencyKey === true) request.idempotencyKey = idempotencyKeyOf(request);
      readParams(request.params as Record<string, string>);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  };
}

/** Several headers would look like one key, joined. */
function idempotencyKeyOf({ headers, raw }: FastifyRequest): string | undefined {
  if (headers['idempotency-key'] === undefined) return undefined;
  return readIdempotencyKey(countOf('idempotency-key', raw.rawHeaders) === 1 ? headers['idempotency-key'] : []);
}

/**
 * What is not well formed does not exist: it is answered like an id that is unknown.
 * @throws Error, at once, for an id that is no parameter of the path
 */
function paramsReader(url: string, ids: readonly string[]): (params: Record<string, string>) => void {
  const names = [...url.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
  const missing = ids.find((id) => !names.includes(id));
  if (missing !== undefined) throw new Error(`${url} has no parameter ${missing}`);
  const checks = names.map((name) => ({ name, isWellFormed: ids.includes(name) ? isId : isParamText }));
  return (params) => {
    for (const { name, isWellFormed } of checks) {
      if (!isWellFormed(params[name] ?? '')) {
        throw new DomainError('not_found', `There is no such ${name.replace(/Id$/, '')}.`);
      }
    }
  };
}

function isParamText(text: string): boolean {
  // counts code points, as everywhere
  const isShort = text.length <= maxParamLength || Array.from(text).length <= maxParamLength;
  return text.length > 0 && isShort && isStorableText(text);
}
