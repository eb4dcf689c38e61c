import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newKeys, type Keys } from '../../../src/cli/keys.js';
import { topologyEnvironment } from '../../../src/cli/topology/topology.js';
import type { Teardown } from '../../../src/cli/teardown.js';
import { freePort } from '../../../src/embedded/index.js';
import { until } from '../../support/until.js';
import { webhookSecret } from '../../support/webhook.js';
import { AppProcess } from './app-process.js';
import { Backends } from './backends.js';
import { Front } from './front.js';
import { processNames, type ProcessName, type ServerName } from './fault-kinds.js';
import { TcpProxy } from './tcp-proxy.js';

const clockShift = fileURLToPath(new URL('clock-shift.mjs', import.meta.url));
const readyTimeoutMs = 60_000;

type Links = Readonly<Record<ServerName, TcpProxy>>;

/** Sluice as in production, each role a process, and each process with a line of its own to each of the two servers. */
export interface ChaosSystem {
  readonly dir: string;
  readonly keys: Keys;
  readonly backends: Backends;
  readonly apps: ReadonlyMap<ProcessName, AppProcess>;
  readonly links: ReadonlyMap<ProcessName, Links>;
  /** where buyers and admins call: each node, or nginx before them */
  readonly apiUrls: readonly string[];
  /** null: buyers call the nodes, and the nodes PostgreSQL */
  readonly front: Front | null;
  /** Sets a process's clock off by so many ms. */
  shiftClock(name: ProcessName, offsetMs: number): Promise<void>;
  /** Undoes what faults did, and waits until everything serves. */
  heal(): Promise<void>;
}

/** Starts it. `teardown` ends it, also when only half of it stands. */
export async function startSystem(
  teardown: Teardown,
  { keep, topology }: { readonly keep: boolean; readonly topology: boolean },
): Promise<ChaosSystem> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-chaos-'));
  if (!keep) teardown.add(() => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o711); // root's PostgreSQL runs under another account

  const backends = await Backends.start(dir);
  teardown.add(() => backends.stop());
  const front = topology ? await Front.start(dir, backends.databaseUrl) : null;
  if (front !== null) teardown.add(() => front.stop());
  const keys = newKeys();
  const apps = new Map<ProcessName, AppProcess>();
  const links = new Map<ProcessName, Links>();
  teardown.add(() => Promise.all([...apps.values()].map((app) => app.stop())));
  teardown.add(async () => {
    for (const { redis, postgres } of links.values()) for (const link of [redis, postgres]) link.heal();
  });
  for (const name of processNames) {
    const [redis, postgres] = [
      await TcpProxy.to(backends.redisPort),
      await TcpProxy.to(front?.pgBouncerPort ?? backends.postgresPort),
    ];
    links.set(name, { redis, postgres });
    const env = {
      PATH: process.env.PATH,
      NODE_OPTIONS: `--import ${clockShift}`,
      CHAOS_CLOCK_FILE: clockFile(dir, name),
      PORT: String(await freePort()),
      ROLES: name.replace(/-\d$/, ''),
      DATABASE_URL: withPort(backends.databaseUrl, postgres.port),
      REDIS_URL: withPort(backends.redisUrl, redis.port),
      ADMIN_API_KEYS: `chaos:${keys.adminKey}`,
      BUYER_JWT_SECRET: keys.buyerSecret,
      PAYMENT_WEBHOOK_SECRET: webhookSecret,
      RATE_LIMIT_IP: 'off',
      RATE_LIMIT_BUYER: 'off',
      RATE_LIMIT_GLOBAL: 'off',
      ...(front === null ? {} : topologyEnvironment),
    };
    apps.set(name, new AppProcess(name, env, dir));
  }

  const ready = async (): Promise<void> => {
    const down = new Set(apps.keys());
    const all = async (): Promise<boolean> => {
      await Promise.all([...apps].map(async ([name, app]) => (await app.isReady()) && down.delete(name)));
      return down.size === 0;
    };
    await until(all, { timeoutMs: readyTimeoutMs, intervalMs: 100 }).catch(async () => {
      const silent = [...apps].filter(([name]) => down.has(name));
      const troubles = await Promise.all(silent.map(([, app]) => app.trouble()));
      throw new Error(`not ready within ${readyTimeoutMs / 1000} s:\n${troubles.join('\n')}`);
    });
  };
  await ready();
  const nodeUrls = [...apps].filter(([name]) => name.startsWith('api')).map(([, { url }]) => url);
  return {
    dir,
    keys,
    backends,
    apps,
    links,
    apiUrls: front === null ? nodeUrls : [await front.putBefore(nodeUrls)],
    front,
    shiftClock: (name, offsetMs) => writeFile(clockFile(dir, name), String(offsetMs)),
    async heal() {
      await backends.heal();
      await front?.heal();
      for (const [name, app] of apps) {
        await writeFile(clockFile(dir, name), '0');
        app.signal('SIGCONT');
      }
      for (const { redis, postgres } of links.values()) for (const link of [redis, postgres]) link.heal();
      await ready();
    },
  };
}

function clockFile(dir: string, name: ProcessName): string {
  return join(dir, `${name}.clock`);
}

function withPort(url: string, port: number): string {
  const other = new URL(url);
  other.port = String(port);
  return other.href;
}
