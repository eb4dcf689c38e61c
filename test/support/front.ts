import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configureNginx, startNginx } from '../../src/cli/topology/nginx.js';
import { configurePgBouncer, pooled, startPgBouncer } from '../../src/cli/topology/pgbouncer.js';
import { topologyEnvironment } from '../../src/cli/topology/topology.js';
import { freePort } from '../../src/embedded/index.js';
import { until } from './until.js';

/** What the topology puts before PostgreSQL and before each API node. */
export interface Front {
  readonly databaseUrl: string;
  readonly env: Readonly<Record<string, string>>;
  /** @returns the address of an nginx before that node */
  putBefore(nodeUrl: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts a PgBouncer before that database; nginx comes with the nodes. */
export async function startFront(databaseUrl: string): Promise<Front> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-front-'));
  await chmod(dir, 0o711); // PgBouncer does not run as root
  const port = await freePort();
  const pgBouncerDir = join(dir, 'pgbouncer');
  await configurePgBouncer({ dir: pgBouncerDir, port, databaseUrl });
  const started = [await startPgBouncer(pgBouncerDir)];
  await until(() => canConnect(port));
  return {
    databaseUrl: pooled(databaseUrl, port),
    env: { ...topologyEnvironment },
    async putBefore(nodeUrl) {
      const nginx = { dir: join(dir, `nginx-${started.length}`), port: await freePort() };
      await configureNginx({ ...nginx, nodes: [new URL(nodeUrl).host], limited: false });
      started.push(await startNginx(nginx.dir));
      await until(() => canConnect(nginx.port));
      return `http://127.0.0.1:${nginx.port}`;
    },
    async stop() {
      for (const server of started.reverse()) await server.stop();
      await rm(dir, { recursive: true });
    },
  };
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
  return true;
}
