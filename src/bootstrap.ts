import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AdminSessionStore, LimitRequests } from './admission/index.js';
import { AppModule } from './app.module.js';
import type { Config } from './config/index.js';
import { type Admission, createHttpApp, type PageFile } from './http/index.js';
import { Traces, type Logger, type Metrics } from './observability/index.js';
import { HotRoutes } from './orders/index.js';
import { Queues } from './queue/index.js';

/** The application of one process, with the roles that the configuration gives it; not listening yet. */
export async function createApp(config: Config, logger: Logger, metrics: Metrics): Promise<NestFastifyApplication> {
  metrics.measureProcess();
  const isApi = config.roles.has('api');
  const admissionOf = isApi
    ? (app: NestFastifyApplication): Admission => ({
        limits: app.get(LimitRequests, { strict: false }),
        sessions: app.get(AdminSessionStore, { strict: false }),
      })
    : undefined;
  const traces = await Traces.open(config, config.roles);
  return createHttpApp(AppModule.for(config, logger, metrics, traces), {
    config,
    logger,
    metrics,
    traces,
    admissionOf,
    plainRoutes: isApi ? hotRoutes : undefined,
    pages: isApi,
    adminPages: isApi ? boards : undefined,
  });
}

/**
 * Connections that wait to be accepted; the kernel has a bound of its own (somaxconn). The opening second brings more of them at
 * once than Node's usual 511: what finds no place is lost, and a proxy takes the node for away.
 */
const backlog = 4096;

export async function listen(app: NestFastifyApplication, { port, host }: Config): Promise<void> {
  await app.listen({ port, host, backlog });
}

function hotRoutes(app: NestFastifyApplication): void {
  app.get(HotRoutes, { strict: false }).addTo(app);
}

/** Where administrators look at the queues. */
const queueBoard = '/admin/queues';

function boards(app: NestFastifyApplication): Readonly<Record<string, (target: string) => Promise<PageFile>>> {
  const queues = app.get(Queues, { strict: false });
  return { [queueBoard]: (target) => queues.boardFile(queueBoard, target) };
}
