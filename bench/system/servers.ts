import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, startServers, type EmbeddedServers } from '../../src/embedded/index.js';
import type { EmbeddedServer } from '../../src/embedded/embedded-server.js';
import type { Teardown } from '../../src/cli/teardown.js';

export interface BenchServers {
  /** where all of this run's files are; it goes with the run */
  readonly dir: string;
  /** what Sluice works on: fsync is on in both, `appendfsync always` */
  readonly sluice: EmbeddedServers;
  /** the yardsticks' Redis, with the same settings */
  readonly bareRedis: EmbeddedServer;
}

/** Starts them on new, empty data; `teardown` ends them. */
export async function startBenchServers(teardown: Teardown): Promise<BenchServers> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  teardown.add(() => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o711); // root's PostgreSQL runs under another account
  await mkdir(join(dir, 'bare'));
  const sluice = await startServers({ dataDir: dir, announce: console.error });
  teardown.add(() => sluice.stop());
  const bareRedis = await startRedis({ dataDir: join(dir, 'bare') });
  teardown.add(() => bareRedis.stop());
  return { dir, sluice, bareRedis };
}
