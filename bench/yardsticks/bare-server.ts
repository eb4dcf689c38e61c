import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Teardown } from '../../src/cli/teardown.js';
import { freePort } from '../../src/embedded/index.js';
import { becomesTrue } from '../../src/embedded/poll.js';
import { logTail, supervise } from '../../src/embedded/supervise.js';
import type { BenchServers } from '../system/servers.js';
import { typescript } from '../system/tool.js';

const startTimeoutMs = 20_000;

/** A yardstick's server. */
export interface BareServer {
  readonly url: string;
  readonly pid: number;
}

/** Starts a server program, a TypeScript file, as a process of its own; `teardown` ends it. */
export async function startBareServer(
  program: URL,
  { dir, bareRedis, sluice }: BenchServers,
  teardown: Teardown,
): Promise<BareServer> {
  const port = await freePort();
  const file = fileURLToPath(program);
  const name = basename(file, '.ts');
  const logFile = join(dir, `${name}.log`);
  const server = await supervise(process.execPath, [...typescript, file], {
    stopSignals: ['TERM', 'KILL'],
    logFile,
    cwd: process.cwd(),
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      PORT: String(port),
      REDIS_URL: bareRedis.url,
      DATABASE_URL: sluice.databaseUrl,
    },
  });
  teardown.add(() => server.stop());
  const url = `http://127.0.0.1:${port}`;
  const isReady = async (): Promise<boolean> =>
    server.hasEnded() ||
    (await fetch(`${url}/health/ready`).then(
      (answer) => answer.ok,
      () => false,
    ));
  if (!(await becomesTrue(isReady, { timeoutMs: startTimeoutMs })) || server.hasEnded()) {
    throw new Error(`${name} did not start: ${await logTail(logFile)}`);
  }
  return { url, pid: server.pid };
}
