import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/embedded/index.js';
import { adminKey, jwtSecret, viewerKey } from './api-client.js';
import type { TestServers } from './servers.js';
import { until } from './until.js';

const project = fileURLToPath(new URL('../../', import.meta.url));

/** One API node in a process of its own: what it needs is only its own. */
export interface NodeProcess {
  readonly url: string;
  readonly port: number;
  /** A sample of `/metrics`, by its name without the prefix. NaN: there is none. */
  figure(name: string): Promise<number>;
  /** Ends it in order. @returns the exit code */
  stop(): Promise<number | null>;
}

/** Starts what `npm test` has built, without limits by rate. @param flags of Node.js */
export async function startNodeProcess(servers: TestServers, flags: readonly string[] = []): Promise<NodeProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [...flags, 'dist/main.js'], {
    cwd: project,
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      ROLES: 'api',
      DATABASE_URL: servers.databaseUrl,
      REDIS_URL: servers.redisUrl,
      ADMIN_API_KEYS: `tester:${adminKey},reader:viewer:${viewerKey}`,
      BUYER_JWT_SECRET: jwtSecret,
      RATE_LIMIT_IP: 'off',
      RATE_LIMIT_GLOBAL: 'off',
    },
    stdio: 'ignore',
  });
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const figure = async (name: string): Promise<number> => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(new RegExp(`^sluice_${name} ([\\d.e+]+)$`, 'm').exec(text)?.[1] ?? NaN);
  };
  await until(() => figure('order_streams').then((open) => open === 0), { timeoutMs: 60_000, intervalMs: 50 });
  return {
    url,
    port,
    figure,
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}
