import { rm } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';

import { Client } from 'pg';

import { startPostgres, type EmbeddedServer } from '../../src/embedded/index.js';
import { ensureRedisBinary } from '../../src/embedded/redis-binary.js';
import { migrate } from '../../src/postgres/migrate.js';
import { temporaryFolder } from './temporary-folder.js';

const TEMPLATE = 'sluice_template';

interface SharedPostgres {
  server: EmbeddedServer;
  dir: string;
}

let shared: SharedPostgres | undefined;

/**
 * Starts one PostgreSQL for the whole run, with a migrated template that each test file clones (see servers.ts). The workers, which Jest
 * starts later, find both in their environment. TEST_POSTGRES_BIN runs the tests on another PostgreSQL than the npm package's.
 */
export async function startSharedPostgres(): Promise<void> {
  await ensureRedis();
  const dir = await temporaryFolder('test-postgres');
  const binDir = process.env['TEST_POSTGRES_BIN'];
  const server = await startPostgres({ dataDir: dir, durable: false, ...(binDir && { binDir }) });
  shared = { server, dir };
  try {
    await createTemplate(server.url);
  } catch (error) {
    await stopSharedPostgres();
    throw error;
  }
  process.env['TEST_POSTGRES_URL'] = server.url;
  process.env['TEST_POSTGRES_TEMPLATE'] = TEMPLATE;
}

/** Stops it and removes its data. */
export async function stopSharedPostgres(): Promise<void> {
  if (!shared) return;
  const { server, dir } = shared;
  shared = undefined;
  await server.stop();
  await rm(dir, { recursive: true, force: true });
}

/** Installs Redis where there is none: once, and not in each worker at the same time. */
async function ensureRedis(): Promise<void> {
  const binary = await ensureRedisBinary((line) => process.stderr.write(`${line}\n`));
  process.env['PATH'] = [dirname(binary), process.env['PATH']].join(delimiter);
}

async function createTemplate(adminUrl: string): Promise<void> {
  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    await admin.query(`CREATE DATABASE ${TEMPLATE}`);
    const url = new URL(adminUrl);
    url.pathname = TEMPLATE;
    await migrate(url.href);
    // A database that somebody is connected to cannot be cloned.
    await admin.query(`ALTER DATABASE ${TEMPLATE} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false`);
  } finally {
    await admin.end();
  }
}
