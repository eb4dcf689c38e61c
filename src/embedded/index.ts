export { AlreadyRunning, lockDataDir, type DataDirLock } from './data-dir-lock.js';
export type { EmbeddedServer } from './embedded-server.js';
export { freePort } from './free-port.js';
export { startPostgres, type PostgresOptions } from './postgres.server.js';
export type { Announce } from './redis-binary.js';
export { startRedis, type RedisOptions } from './redis.server.js';
export { startServers, type EmbeddedServers, type ServersOptions } from './servers.js';
