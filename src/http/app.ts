import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

import { NestLogger } from '../observability/index.js';
import { serveDocs } from './openapi.js';
import type { RequestLimits } from './request-limits.js';
import { HttpAdapter, type HttpOptions } from './server.js';

export interface HttpAppOptions extends HttpOptions {
  /** what limits requests under /v1, once the modules have been made; without: nothing does */
  readonly limitsOf?: ((app: NestFastifyApplication) => RequestLimits) | undefined;
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
  adapter.controllerOf = (controller) => app.get<object>(controller, { strict: false });
  adapter.limits = options.limitsOf?.(app);
  app.useGlobalFilters(adapter.problems);
  serveDocs(app);
  return app;
}
