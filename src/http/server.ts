import type { IncomingMessage } from 'node:http';
import { Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { Config } from '../config/index.js';
import { isId } from '../domain/index.js';
import { type Logger, type Metrics, requestIdFrom, Traces } from '../observability/index.js';
import type { AdminSessions } from './admin-cookie.js';
import { Authentication, type Identities } from './authentication.js';
import { type PageFile, serveAdminPages } from './admin-pages.js';
import { acceptJsonOnly } from './body-parser.js';
import { documentRoutes } from './openapi.js';
import { ProblemFilter } from './problem.filter.js';
import { pathOf, rawProblem } from './problem.js';
import { refuse } from './refusal.js';
import { measureRoutes } from './route-metrics.js';
import type { RequestLimits } from './request-limits.js';
import { guardRoutes, limited } from './routes.js';
import { traceRequests } from './trace-requests.js';
import { apiHeaders, docsHeaders } from './security-headers.js';

/** From the first byte of a request to its last. It does not bound the answer: a long poll may take its 30 s. */
const requestTimeoutMs = 20_000;
const headersTimeoutMs = 10_000;
/** Longer than the 60 s after which common load balancers drop an idle connection, so that they do so first. */
const keepAliveTimeoutMs = 72_000;
/** 255 characters of four bytes, percent-encoded: the longest name of a buyer. */
const maxParamLength = 255 * 4 * 3;
/** Well below the 20,000 files that a process may commonly open; what comes beyond is turned away at once. */
const maxConnections = 15_000;
const timeoutCheckIntervalMs = 5_000;
const idleCloseIntervalMs = 100;
/**
 * A drain included. Longer than any answer takes once waiting buyers were let go; what is still open is a client that does not go on.
 * The process has 10 s in all.
 */
const closesWithinMs = 7_000;
const drainLookMs = 20;

export interface HttpOptions {
  readonly config: Identities & Pick<Config, 'corsOrigins' | 'trustProxy' | 'shutdownDrainMs'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly traces?: Traces;
}

/** Nest's adapter over a Fastify that answers everything, from broken HTTP to a bug, with a problem document. */
export class HttpAdapter extends FastifyAdapter {
  readonly problems: ProblemFilter;
  /** set once Nest has made it, where there is one */
  limits: RequestLimits | undefined;
  /** set once Nest has made them, where there are some */
  sessions: AdminSessions | undefined;
  private draining = false;
  private closing = false;
  private closedByMs = Infinity;
  private readonly drainMs: number;
  private readonly authentication: Authentication;

  constructor({ config, logger, metrics, traces = Traces.off }: HttpOptions) {
    const problems = new ProblemFilter(logger, metrics);
    super({
      skipMiddie: true,
      multipart: false,
      bodyLimit: 16 * 1024,
      trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
      routerOptions: { maxParamLength },
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      http: { headersTimeout: headersTimeoutMs, connectionsCheckingInterval: timeoutCheckIntervalMs },
      forceCloseConnections: 'idle',
      // a schema judges, and changes nothing
      ajv: {
        customOptions: { coerceTypes: false, useDefaults: false, removeAdditional: false },
        onCreate: (ajv) => void ajv.addFormat('uuid', isId),
      },
      return503OnClosing: false, // its answer is not a problem document: see the hook below
      genReqId: (request: IncomingMessage) => requestIdFrom(request.headers['x-request-id']),
      frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
        problems.answer(error, request, reply);
      },
      clientErrorHandler: answerBrokenRequest,
    });
    this.problems = problems;
    this.drainMs = config.shutdownDrainMs;
    this.authentication = new Authentication(config, () => this.sessions);

    const instance = this.instance as unknown as FastifyInstance;
    if (traces.on) traceRequests(instance, traces);
    const unmatched = measureRoutes(instance, metrics);
    instance.server.maxConnections = maxConnections;
    acceptJsonOnly(instance);
    documentRoutes(instance);
    guardRoutes(instance, this.authentication, () => this.limits);
    instance.setErrorHandler((error, request, reply) => {
      problems.answer(error, request, reply);
    });
    instance.setNotFoundHandler((request, reply) => {
      problems.answer(refuse('not_found'), request, reply);
    });
    instance.addHook('onRequest', (request, reply, done) => {
      reply.headers(request.raw.url?.startsWith('/docs') === true ? docsHeaders : apiHeaders);
      reply.header('x-request-id', request.id);
      if (this.draining) reply.raw.shouldKeepAlive = false;
      if (this.closing) {
        reply.header('connection', 'close');
        done(refuse('unavailable'));
      } else if (request.is404) {
        unmatched.add();
        const limits = isUnderV1(pathOf(request.raw.url)) ? this.limits : undefined;
        limited(limits, request, reply, done, (proceed) => {
          proceed(refuseUnknownRoute(instance, request, reply));
        });
      } else {
        done();
      }
    });
    instance.addHook('preClose', (done) => {
      this.closing = true;
      const leftMs = Math.max(0, this.closedByMs - performance.now());
      // Node closes the connections that are idle now, but not those that will be once their answer is out
      const timer = setInterval(() => {
        instance.server.closeIdleConnections();
      }, idleCloseIntervalMs);
      const deadline = setTimeout(() => {
        instance.server.closeAllConnections();
      }, leftMs);
      const clear = (): void => {
        clearInterval(timer);
        clearTimeout(deadline);
      };
      instance.server.once('close', clear);
      if (instance.server.listening) {
        done();
        return;
      }
      // drained: Node waits for nothing any more
      void this.whileOpen(leftMs).then(() => {
        instance.server.closeAllConnections(); // late, this comes before the deadline's own timer
        clear();
        done();
      });
    });
  }

  /** Serves pages for administrators at this path and below: `admin-pages.ts`. */
  serveAdminPages(path: string, read: (target: string) => Promise<PageFile>): void {
    const instance = this.instance as unknown as FastifyInstance;
    serveAdminPages(instance, this.authentication, () => this.limits, path, read);
  }

  /** Ours is in place; Nest would wrap every error that Fastify has, and lose its code. */
  override setErrorHandler(): never {
    return this.instance as never;
  }

  /** Ours is in place. */
  override setNotFoundHandler(): never {
    return this.instance as never;
  }

  /** Nest says that it will close. Where nothing is drained, what comes from now on is somebody else's to answer. */
  override beforeClose(): void {
    this.closing = this.drainMs === 0;
    super.beforeClose();
  }

  /** By now polls and event streams have been told to end. */
  override async close(): Promise<void> {
    this.closedByMs = performance.now() + closesWithinMs;
    if (this.drainMs > 0) await this.drain();
    await super.close();
  }

  /**
   * Takes no new connection, and has those that are open end by themselves: each answer is the last on its connection, and an idle one
   * is left to the proxy in front, which drops it by its own clock. Were it closed from here, a request might be on its way already,
   * and no proxy may send a purchase twice. Resolves when none is left, or the time is up.
   */
  private async drain(): Promise<void> {
    this.draining = true;
    // that of the class above: Node's HTTP server would close what is idle
    Server.prototype.close.call((this.instance as unknown as FastifyInstance).server);
    await this.whileOpen(this.drainMs);
  }

  /** Resolves when no connection is open, or the time is up. */
  private async whileOpen(ms: number): Promise<void> {
    const { server } = this.instance as unknown as FastifyInstance;
    const count = promisify(server.getConnections.bind(server));
    for (const deadline = performance.now() + ms; performance.now() < deadline && (await count()) > 0;)
      await delay(drainLookMs);
  }
}

function isUnderV1(path: string): boolean {
  return path === '/v1' || path.startsWith('/v1/');
}

/** 405 with `Allow` where the path is known under another method, else 404. */
function refuseUnknownRoute(instance: FastifyInstance, request: FastifyRequest, reply: FastifyReply): Error {
  const url = pathOf(request.raw.url);
  if (!url.startsWith('/')) return refuse('not_found');
  // OPTIONS is on every path where there is CORS, and on none elsewhere
  const methods = instance.supportedMethods.filter((method) => method !== 'OPTIONS');
  const allowed = methods.filter((method) => knows(instance, method, url));
  if (allowed.length === 0) return refuse('not_found');
  reply.header('allow', allowed.sort().join(', '));
  return refuse('method_not_allowed');
}

/** Fastify's types forget that there may be no such route. */
function knows(instance: FastifyInstance, method: string, url: string): boolean {
  return (instance.findRoute({ method, url }) as object | null) !== null;
}

/** A request that Node could not parse, or that took too long to come. There is nobody but the socket to answer to. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      socket.end(rawProblem(431, 'The headers are too large.'));
      break;
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      socket.end(rawProblem(413, 'The chunk extensions are too large.'));
      break;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      socket.end(rawProblem(408, 'The request took too long to come.'));
      break;
    default:
      socket.end(rawProblem(400, 'The request is not valid HTTP.'));
  }
}
