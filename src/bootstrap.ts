import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AdminSessionStore, LimitRequests } from './admission/index.js';
import { AppModule } from './app.module.js';
import type { Config } from './config/index.js';
import { type Admission, createHttpApp } from './http/index.js';
import type { Logger, Metrics } from './observability/index.js';

/** The application of one process, with the roles that the configuration gives it; not listening yet. */
export function createApp(config: Config, logger: Logger, metrics: Metrics): Promise<NestFastifyApplication> {
  metrics.measureProcess();
  const isApi = config.roles.has('api');
  const admissionOf = isApi
    ? (app: NestFastifyApplication): Admission => ({
        limits: app.get(LimitRequests, { strict: false }),
        sessions: app.get(AdminSessionStore, { strict: false }),
      })
    : undefined;
  return createHttpApp(AppModule.for(config, logger, metrics), { config, logger, metrics, admissionOf, pages: isApi });
}
