import 'reflect-metadata';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Teardown } from '../../src/cli/teardown.js';
import { createApp } from '../../src/bootstrap.js';
import { readConfig } from '../../src/config/index.js';
import { startServers } from '../../src/embedded/index.js';
import { createLogger, Metrics } from '../../src/observability/index.js';
import { migrate } from '../../src/postgres/index.js';
import { adminKey, jwtSecret } from '../support/api-client.js';

/** All of Sluice in this process, on servers of its own that go with it. @returns where it answers */
export async function startStage(teardown: Teardown): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-pictures-'));
  teardown.add(() => rm(dataDir, { recursive: true, force: true }));
  await chmod(dataDir, 0o711); // root's PostgreSQL runs under another account
  const servers = await startServers({ dataDir, announce: console.log });
  teardown.add(() => servers.stop());
  const config = readConfig({
    PORT: '0',
    DATABASE_URL: servers.databaseUrl,
    REDIS_URL: servers.redisUrl,
    ADMIN_API_KEYS: `painter:${adminKey}`,
    BUYER_JWT_SECRET: jwtSecret,
    GUEST_SESSIONS: 'on',
    RATE_LIMIT_IP: 'off',
    RATE_LIMIT_BUYER: 'off',
  });
  await migrate(config.databaseUrl);
  const app = await createApp(config, createLogger('warn'), new Metrics());
  await app.listen(config.port, config.host);
  teardown.add(() => app.close());
  const { port } = app.getHttpServer().address() as AddressInfo;
  return `http://${config.host}:${port}`;
}
