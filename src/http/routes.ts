import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';

import type { RouteDeclaration } from './access.js';
import type { Access, Authentication } from './authentication.js';
import { clientAddress } from './client-address.js';
import { type DeclaredInput, refuseUndeclared } from './declared-input.js';
import { refuse } from './refusal.js';
import type { RequestLimits } from './request-limits.js';

const bodyLimit = 16 * 1024;
const adminBodyLimit = 256 * 1024;
const maxDrainedBytes = 1024 * 1024;
const noBody = Buffer.alloc(0);

declare module 'fastify' {
  interface FastifyRequest {
    /** the address, or its block, that the request counts for, under /v1 */
    clientAddress: string;
  }
}

/** What limits requests; undefined: nothing does. */
export type LimitsOf = () => RequestLimits | undefined;

/**
 * Puts the gate before every route under /v1, as Fastify hooks: a guard would come after the body was read, and could be
 * forgotten. The order of refusals is the contract's: 429 by address and 503, 401 and 403, 429 by buyer, 413; then the parser's
 * 415 and 400; then 400 for what the route does not take at all. The pipe comes after these, and then the handler with its 404.
 * @throws Error, while routes are added, for a route that does not say who may call it
 */
export function guardRoutes(instance: FastifyInstance, authentication: Authentication, limitsOf: LimitsOf): void {
  instance.decorateRequest('buyerId', '');
  instance.decorateRequest('buyerTier', undefined);
  instance.decorateRequest('admin', null);
  instance.decorateRequest('bodyCheck', null);
  instance.decorateRequest('clientAddress', '');

  instance.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/v1/')) return;
    const isAdminRoute = route.url.startsWith('/v1/admin/');
    const { access, input } = declarationOf(route, isAdminRoute);
    route.bodyLimit = isAdminRoute ? adminBodyLimit : bodyLimit;
    route.onRequest = [gate(authentication, limitsOf, access, route.bodyLimit), ...listOf(route.onRequest)];
    route.preHandler = [inputGate(input()), ...listOf(route.preHandler)];
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

/** Is there more than the route takes (400), and was a body that had to be signed left out (401). */
function inputGate(takes: DeclaredInput) {
  return (request: FastifyRequest, _reply: FastifyReply, done: Done): void => {
    try {
      request.bodyCheck?.(noBody); // a body was checked when it was read
      refuseUndeclared(takes, request);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  };
}
