import 'reflect-metadata';
import cluster from 'node:cluster';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LimitRequests } from './admission/index.js';
import { createApp, listen } from './bootstrap.js';
import { ConfigError, readConfig, type Config } from './config/index.js';
import { createLogger, Metrics, type Logger } from './observability/index.js';
import { migrate } from './postgres/index.js';
import { Member, ProcessGroup } from './processes/index.js';
import { Durability } from './redis/index.js';

/** SIGTERM gives what is in hand this long. */
const shutdownDeadlineMs = 10_000;

/** One process with all its roles. */
async function runAlone(config: Config, logger: Logger): Promise<void> {
  // before it listens there is nothing in hand, and an application cannot be closed while it starts
  let stop = (): void => process.exit(0);
  stopOnSignal(logger, () => {
    stop();
  });
  await migrateFirst(config, logger);
  const app = await createApp(config, logger, new Metrics());
  await listen(app, config);
  stop = () => void finish(app, logger);
  reloadOnSignal(app, config);
  await announce(app, config, logger);
}

/** Several API processes on one port, and one more for the other roles. */
async function runGroup(config: Config, logger: Logger): Promise<void> {
  const group = new ProcessGroup(config, logger);
  stopOnSignal(
    logger,
    () => {
      void group.stop().then((clean) => process.exit(clean ? 0 : 1));
    },
    () => {
      group.kill();
    },
  );
  process.on('SIGHUP', () => {
    group.reload();
  });
  await migrateFirst(config, logger);
  try {
    await group.start();
  } catch (error) {
    await group.stop();
    throw error;
  }
  logger.info(`${config.apiProcesses} API processes share port ${config.port}`);
}

/** One process of a group. */
async function runMember(config: Config, logger: Logger): Promise<void> {
  const metrics = new Metrics();
  const member = new Member(metrics);
  const app = await createApp(config, logger, metrics);
  // the port is the API processes'
  if (config.roles.has('api')) await listen(app, config);
  else await app.init();
  // told to stop before, it just ends
  member.onStop(() => {
    exitAfterDeadline(logger);
    void finish(app, logger);
  });
  reloadOnSignal(app, config);
  await announce(app, config, logger);
  member.ready();
}

async function migrateFirst(config: Config, logger: Logger): Promise<void> {
  const { applied } = await migrate(config.databaseUrl);
  for (const migration of applied) logger.info(`applied migration ${migration}`);
}

async function announce(app: NestFastifyApplication, config: Config, logger: Logger): Promise<void> {
  const warnings = await app
    .get(Durability)
    .warnings()
    .catch(() => []);
  for (const warning of warnings) logger.warn(`redis: ${warning}`);
  const roles = [...config.roles].join(', ');
  logger.info(app.getHttpServer().listening ? `${roles} on ${await app.getUrl()}` : roles);
}

/** Reads the limits again. */
function reloadOnSignal(app: NestFastifyApplication, config: Config): void {
  if (!config.roles.has('api')) return;
  process.on('SIGHUP', () => {
    app.get(LimitRequests, { strict: false }).reload();
  });
}

function stopOnSignal(logger: Logger, stop: () => void, atOnce: () => void = () => undefined): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      atOnce();
      process.exit(1); // asked twice: at once; what is under way is found by the next process
    }
    stopping = true;
    logger.info(`${signal}: finishing what is in hand`);
    exitAfterDeadline(logger, atOnce);
    stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

function exitAfterDeadline(logger: Logger, before: () => void = () => undefined): void {
  setTimeout(() => {
    logger.error('not finished in time');
    before();
    process.exit(1);
  }, shutdownDeadlineMs).unref();
}

async function finish(app: NestFastifyApplication, logger: Logger): Promise<void> {
  try {
    await app.close();
    process.exit(0);
  } catch (error) {
    logger.error({ err: error }, 'could not stop cleanly');
    process.exit(1);
  }
}

/** What nobody caught leaves this process in a state that nobody knows: it says what it was, and ends. Another takes over. */
function endOnBug(logger: Logger): void {
  const end = (error: unknown): void => {
    logger.fatal({ err: error }, 'this process ends: nobody caught an error');
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

process.on('SIGHUP', () => undefined); // a process that starts, or has nothing to read again, must not end by it
try {
  const config = readConfig();
  const logger = createLogger(config.logLevel);
  endOnBug(logger);
  if (cluster.isWorker) await runMember(config, logger);
  else if (config.apiProcesses > 1 && config.roles.has('api')) await runGroup(config, logger);
  else await runAlone(config, logger);
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : describe(error)}\n`);
  process.exit(1);
}

function describe(error: unknown): string {
  return error instanceof Error ? `Could not start: ${error.message}` : 'Could not start';
}
