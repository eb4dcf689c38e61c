import type { Type } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';

import { DomainError, isId } from '../domain/index.js';
import type { RouteDeclaration } from './access.js';
import type { Access, Authentication } from './authentication.js';
import { directHandler } from './direct-handler.js';
import { readIdempotencyKey } from './idempotency.js';
import { isStorableText } from './json-body.js';
import { dtoReader, queryReader, refuseBody } from './read-dto.js';
import { countOf } from './raw-headers.js';
import { refuse } from './refusal.js';
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
  }
}

/**
 * Puts the gate and the input check before every route under /v1, in Fastify's own hooks: a refusal costs no Nest, and a
 * controller cannot forget them. The order is the contract's (section 4): 401 and 403, 413, 415, 400, 404.
 * @throws Error, while routes are added, for a route that does not say who may call it
 */
export function guardRoutes(
  instance: FastifyInstance,
  authentication: Authentication,
  controllerOf: (controller: Type) => object,
): void {
  instance.decorateRequest('buyerId', '');
  instance.decorateRequest('admin', null);
  instance.decorateRequest('bodyCheck', null);
  instance.decorateRequest('idempotencyKey', undefined);

  instance.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/v1/')) return;
    const isAdminRoute = route.url.startsWith('/v1/admin/');
    const { access, handler } = declarationOf(route, isAdminRoute);
    route.bodyLimit = isAdminRoute ? adminBodyLimit : bodyLimit;
    route.onRequest = [gate(authentication, access, route.bodyLimit), ...listOf(route.onRequest)];
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

/** Who is it (401, 403), and is the body too large to be read (413). */
function gate(authentication: Authentication, access: Access, limit: number) {
  return (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    let admitted: Promise<void> | undefined;
    try {
      admitted = authentication.admit(access, request);
    } catch (error) {
      done(error as Error);
      return;
    }
    const next = (): void => {
      const length = request.raw.headers['content-length'];
      if (length === undefined || Number(length) <= limit) {
        done();
        return;
      }
      // Node reads the rest and throws it away, so that the client sees the answer; but not without end
      if (Number(length) > maxDrainedBytes) reply.header('connection', 'close');
      done(refuse('payload_too_large'));
    };
    if (admitted === undefined) next();
    else admitted.then(next, done);
  };
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
