/**
 * A process that starts embedded servers and keeps them, for tests that kill it: `run-servers.ts DATA_DIR [BIN_DIR] [UID GID]`.
 * Prints one line of JSON with urls and pids. SIGTERM stops the servers in order.
 */
import { once } from 'node:events';

import { lockDataDir, startServers } from '../../src/embedded/index.js';

const [dataDir = '', binDir = '', uid = '', gid = ''] = process.argv.slice(2);

if (uid !== '') {
  // Only now, with all modules loaded: the other user may have no way into the project.
  process.setgroups?.([]);
  process.setgid?.(Number(gid));
  process.setuid?.(Number(uid));
}
const keepAlive = setInterval(() => undefined, 60_000);
const lock = await lockDataDir(dataDir);
const servers = await startServers({ dataDir, durable: false, ...(binDir !== '' && { postgresBinDir: binDir }) });
const { databaseUrl, redisUrl, postgres, redis } = servers;
process.stdout.write(`${JSON.stringify({ databaseUrl, redisUrl, pids: [postgres.pid, redis.pid] })}\n`);
await once(process, 'SIGTERM');
await servers.stop();
await lock.release();
clearInterval(keepAlive);
