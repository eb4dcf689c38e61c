import 'reflect-metadata';
import { LimitRequests } from './admission/index.js';
import { createApp } from './bootstrap.js';
import { ConfigError, readConfig, type Config } from './config/index.js';
import { createLogger, Metrics } from './observability/index.js';
import { migrate } from './postgres/index.js';
import { Durability } from './redis/index.js';

/** SIGTERM gives what is in hand this long. */
const shutdownDeadlineMs = 10_000;

async function run(config: Config): Promise<void> {
  const logger = createLogger(config.logLevel);
  const { applied } = await migrate(config.databaseUrl);
  for (const migration of applied) logger.info(`applied migration ${migration}`);

  const app = await createApp(config, logger, new Metrics());
  await app.listen(config.port, config.host);
  for (const warning of await app
    .get(Durability)
    .warnings()
    .catch(() => []))
    logger.warn(`redis: ${warning}`);
  logger.info(`${[...config.roles].join(', ')} on ${await app.getUrl()}`);

  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1); // asked twice: at once; what is under way is found by the next process
    stopping = true;
    logger.info(`${signal}: finishing what is in hand`);
    const deadline = setTimeout(() => {
      logger.error('not finished in time');
      process.exit(1);
    }, shutdownDeadlineMs);
    deadline.unref();
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'could not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // a node without limits has nothing to read again; it must not end by the signal
  process.on('SIGHUP', () => {
    if (config.roles.has('api')) app.get(LimitRequests, { strict: false }).reload();
  });
}

try {
  await run(readConfig());
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : describe(error)}\n`);
  process.exit(1);
}

function describe(error: unknown): string {
  return error instanceof Error ? `Could not start: ${error.message}` : 'Could not start';
}
