import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LimitRequests } from './admission/index.js';
import { AppModule } from './app.module.js';
import type { Config } from './config/index.js';
import { createHttpApp, type PageFile } from './http/index.js';
import { Queues } from './queue/index.js';
import { Traces, type Logger, type Metrics } from './observability/index.js';

/** The application of one process, with the roles that the configuration gives it; not listening yet. */
export async function createApp(config: Config, logger: Logger, metrics: Metrics): Promise<NestFastifyApplication> {
  metrics.measureProcess();
  const limitsOf = config.roles.has('api')
    ? (app: NestFastifyApplication): LimitRequests => app.get(LimitRequests, { strict: false })
    : undefined;
  const traces = await Traces.open(config, config.roles);
  const adminPages = config.roles.has('api') ? boards : undefined;
  return createHttpApp(AppModule.for(config, logger, metrics, traces), {
    config,
    logger,
    metrics,
    traces,
    limitsOf,
    adminPages,
  });
}

/** Where administrators look at the queues. */
const queueBoard = '/admin/queues';

function boards(app: NestFastifyApplication): Readonly<Record<string, (target: string) => Promise<PageFile>>> {
  const queues = app.get(Queues, { strict: false });
  return { [queueBoard]: (target) => queues.boardFile(queueBoard, target) };
}
