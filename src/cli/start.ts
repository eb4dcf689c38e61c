import { createServer } from 'node:net';
import { relative } from 'node:path';
import { ConfigError, readConfig } from '../config/index.js';
import { AlreadyRunning, lockDataDir, startServers, type EmbeddedServers } from '../embedded/index.js';
import { logTail } from '../embedded/supervise.js';
import { dataDir } from './data-dir.js';
import { environment } from './environment.js';
import { buyerTokens, keepKeys } from './keys.js';
import { startApp, type AppProcess } from './process.js';
import { aborted, stopSignal } from './stop-signal.js';
import { Teardown } from './teardown.js';
import { welcome } from './welcome.js';

/** `npm start`: the whole system on embedded servers, data in `.data/`, until a signal or until a part of it dies. */
const stop = stopSignal();
const teardown = new Teardown();
let exitCode = 0;
try {
  await run();
} catch (error) {
  if (!stop.aborted) {
    exitCode = 1;
    console.error(explain(error));
  }
}
await teardown.run();
if (stop.aborted) console.log('Stopped. The data are kept.');
process.exit(exitCode);

async function run(): Promise<void> {
  const lock = await lockDataDir(dataDir);
  teardown.add(() => lock.release());
  const keys = await keepKeys(dataDir);
  // What else the environment says about the application holds for it too, such as PORT and LOG_LEVEL.
  const { BUYER_JWKS_URL: _, ADMIN_API_KEYS: moreKeys, BUYER_JWT_SECRET: ownSecret, ...given } = environment();
  const buyerSecret = ownSecret ?? keys.buyerSecret;
  // Load that somebody tries on their own machine comes from one address.
  const limits = given.RATE_LIMIT_IP ?? given.RATE_LIMITS_FILE;
  const env = {
    ...(limits === undefined ? { RATE_LIMIT_IP: 'off' } : {}),
    GUEST_SESSIONS: 'on', // the page then sells to whoever looks at it
    ...given,
    PORT: given.PORT ?? '3000',
    ROLES: 'api,worker,reconciler',
    ADMIN_API_KEYS: `start:${keys.adminKey}${moreKeys === undefined ? '' : `,${moreKeys}`}`,
    BUYER_JWT_SECRET: buyerSecret,
  };
  const {
    port,
    host,
    buyerAudience: audience,
    buyerIssuer: issuer,
  } = readConfig({
    ...env,
    DATABASE_URL: 'postgresql://embedded',
    REDIS_URL: 'redis://embedded',
  });
  await assertFree(port, host);

  console.log('Starting PostgreSQL and Redis');
  const servers = await startServers({
    dataDir,
    announce: (line) => {
      console.log(line);
    },
  });
  teardown.add(() => servers.stop());
  stop.throwIfAborted();

  console.log('Starting Sluice');
  const app = await startApp({
    name: 'sluice',
    logDir: dataDir,
    env: {
      ...env,
      PORT: port === 0 ? undefined : String(port),
      DATABASE_URL: servers.databaseUrl,
      REDIS_URL: servers.redisUrl,
    },
  });
  teardown.add(async () => {
    if (stop.aborted) console.log('Stopping: what is in hand is finished first');
    await app.stop();
  });
  stop.throwIfAborted();

  const token = buyerTokens(buyerSecret, { audience, issuer })('alice');
  console.log(
    welcome({
      api: app.url,
      databaseUrl: servers.databaseUrl,
      redisUrl: servers.redisUrl,
      logFile: relative('.', app.logFile),
      adminKey: keys.adminKey,
      buyer: 'alice',
      token,
    }),
  );
  await assertRunning(app, servers);
}

/** Resolves when somebody stops us. @throws Error when a part dies before that */
async function assertRunning(app: AppProcess, servers: EmbeddedServers): Promise<void> {
  const dead = await Promise.race([
    aborted(stop).then(() => null),
    app.ended.then(() => `Sluice (pid ${app.pid}) ended by itself. Its log, ${app.logFile}, ends with:`),
    servers.postgres.ended.then(() => 'PostgreSQL ended by itself'),
    servers.redis.ended.then(() => 'Redis ended by itself'),
  ]);
  if (dead === null) return;
  throw new Error(dead.endsWith(':') ? `${dead}\n${await logTail(app.logFile)}` : dead);
}

/** @throws Error that says what to do when the port is taken */
async function assertFree(port: number, host: string): Promise<void> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const taken = `port ${port} on ${host} is already in use: stop what listens there, or choose another with PORT=3001 npm start`;
      reject(error.code === 'EADDRINUSE' ? new Error(taken) : error);
    });
    probe.listen({ port, host, exclusive: true }, resolve);
  });
  await new Promise((resolve) => probe.close(resolve));
}

function explain(error: unknown): string {
  if (error instanceof AlreadyRunning) return `npm start: ${error.message}`;
  if (error instanceof ConfigError) return error.message;
  return `npm start: ${error instanceof Error ? error.message : String(error)}`;
}
