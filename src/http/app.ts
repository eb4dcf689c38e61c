import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

import { NestLogger } from '../observability/index.js';
import type { AdminSessions } from './admin-cookie.js';
import type { PageFile } from './admin-pages.js';
import { inputPipe } from './input.pipe.js';
import { serveDocs } from './openapi.js';
import { servePages } from './pages.js';
import type { RequestLimits } from './request-limits.js';
import { HttpAdapter, type HttpOptions } from './server.js';

/** Who is let in, and how often. */
export interface Admission {
  readonly limits: RequestLimits;
  readonly sessions: AdminSessions;
}

type AdminPages = Readonly<Record<string, (target: string) => Promise<PageFile>>>;

export interface HttpAppOptions extends HttpOptions {
  /** what limits requests under /v1 and knows administrators' sessions, once the modules have been made; without: nothing does */
  readonly admissionOf?: ((app: NestFastifyApplication) => Admission) | undefined;
  /** are the built pages served */
  readonly pages?: boolean;
  /** adds routes that Fastify calls without Nest, once the modules have been made */
  readonly plainRoutes?: ((app: NestFastifyApplication) => void) | undefined;
  /** more pages for administrators, by the path at which they begin, once the modules have been made */
  readonly adminPages?: ((app: NestFastifyApplication) => AdminPages) | undefined;
}

/**
 * A Nest application over our Fastify, ready to listen: authentication, validation, problem documents and the API's pages
 * are in place. Rejects, and logs why, when a module does not start or a route under /v1 does not say who may call it.
 */
export async function createHttpApp(
  root: Type | DynamicModule,
  options: HttpAppOptions,
): Promise<NestFastifyApplication> {
  const adapter = new HttpAdapter(options);
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    logger: new NestLogger(options.logger),
    bodyParser: false,
    abortOnError: false,
  });
  const admission = options.admissionOf?.(app);
  adapter.limits = admission?.limits;
  adapter.sessions = admission?.sessions;
  app.useGlobalFilters(adapter.problems);
  app.useGlobalPipes(inputPipe);
  const { corsOrigins } = options.config;
  if (corsOrigins.length > 0) app.enableCors(corsFor(corsOrigins));
  for (const [path, read] of Object.entries(options.adminPages?.(app) ?? {})) adapter.serveAdminPages(path, read);
  options.plainRoutes?.(app);
  serveDocs(app);
  if (options.pages === true) servePages(app.getHttpAdapter().getInstance());
  return app;
}

/** What pages of these origins may send, and what of an answer they may read. No cookies: a token is sent by hand. */
function corsFor(origins: readonly string[]) {
  return {
    origin: [...origins],
    methods: ['GET', 'POST', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'last-event-id', 'x-request-id'],
    exposedHeaders: [
      'content-disposition',
      'location',
      'retry-after',
      'idempotency-replayed',
      'ratelimit',
      'ratelimit-policy',
      'x-ratelimit-type',
      'x-request-id',
    ],
    maxAge: 600,
    strictPreflight: false, // its answer is not a problem document
  };
}
