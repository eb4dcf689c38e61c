import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../embedded/index.js';
import { logTail, supervise, type Supervised } from '../embedded/supervise.js';

const main = fileURLToPath(new URL('../main.js', import.meta.url));

/** SIGTERM gives the application 10 s, each of these 5 s; signal 0 only waits. */
const stopSignals = ['TERM', '0', 'KILL'];
/** Migrations are part of a start. */
const readyTimeoutMs = 60_000;
const readyIntervalMs = 20;
const startAttempts = 5;

export interface AppOptions {
  /** what it is called in errors, and the name of its log */
  readonly name: string;
  /** where the log goes, `NAME.log`; emptied first */
  readonly logDir: string;
  /** its whole environment (contract, section 3) */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A running `dist/main.js` that ends with this process, whatever ends it. */
export interface AppProcess {
  readonly name: string;
  /** where it listens */
  readonly url: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the process is gone, stopped or not. */
  readonly ended: Promise<void>;
  /** Sends SIGTERM and waits for the end, 10 s at the most. Safe to repeat. */
  stop(): Promise<void>;
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<void>;
}

/**
 * Starts one process of the built application and waits until it is ready. It listens on `env.PORT`, or on a free port where there is none.
 * Signals of the terminal do not reach it: whoever started it decides when it stops.
 *
 * @throws Error with its last words when it ends first or is not ready within a minute
 */
export async function startApp(options: AppOptions): Promise<AppProcess> {
  for (let attempt = 1; ; attempt++) {
    const port = options.env.PORT ?? String(await freePort());
    const app = await launch({ ...options, env: { ...options.env, PORT: port } });
    if (await isReady(app)) return app;
    await app.stop();
    const said = await logTail(app.logFile);
    const mayPass = options.env.PORT === undefined && said.includes('EADDRINUSE');
    if (attempt === startAttempts || !mayPass) throw new Error(`the ${app.name} process did not start: ${said}`);
  }
}

type Launched = AppProcess & Pick<Supervised, 'hasEnded'>;

async function launch({ name, logDir, env }: AppOptions): Promise<Launched> {
  const logFile = join(logDir, `${name}.log`);
  const server = await supervise(process.execPath, [main], { stopSignals, logFile, cwd: process.cwd(), env });
  const { pid, ended } = server;
  return {
    name,
    url: `http://${reachable(env.HOST)}:${env.PORT ?? ''}`,
    pid,
    logFile,
    ended,
    hasEnded: () => server.hasEnded(),
    stop: () => server.stop(),
    async kill() {
      if (!server.hasEnded()) process.kill(pid, 'SIGKILL');
      await ended;
    },
  };
}

/** The address by which to reach a process of this machine that listens on `host`. */
function reachable(host = '127.0.0.1'): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** False when it ended or took too long. */
async function isReady(app: Launched): Promise<boolean> {
  const deadline = performance.now() + readyTimeoutMs;
  while (!app.hasEnded() && performance.now() < deadline) {
    const answer = await fetch(`${app.url}/health/ready`, { signal: AbortSignal.timeout(2000) }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok === true) return !app.hasEnded();
    await delay(readyIntervalMs);
  }
  return false;
}
