import 'reflect-metadata';
import type { AddressInfo, Server } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Redis } from 'ioredis';
import pg from 'pg';
import { createApp, listen } from '../../src/bootstrap.js';
import { readConfig } from '../../src/config/index.js';
import { openApiDocument } from '../../src/http/index.js';
import { createLogger, Metrics } from '../../src/observability/index.js';
import { adminKey, ApiClient, jwtSecret, operatorKey, viewerKey } from './api-client.js';
import { OpenApiContract } from './openapi-contract.js';
import { startFront } from './front.js';
import { startTestServers, type TestServers } from './servers.js';

/** All of a test comes from one address, and often from one buyer; a test of the limits sets its own. */
const noLimits = { RATE_LIMIT_IP: 'off', RATE_LIMIT_BUYER: 'off', RATE_LIMIT_GLOBAL: 'off' };

export interface SystemOptions {
  /** how many processes' worth of each role; each has its own connections, as if it were one */
  readonly apis?: number;
  readonly workers?: number;
  readonly reconcilers?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** stopped with the system; by default a database on the PostgreSQL of the run, and a Redis */
  readonly servers?: TestServers;
  /** of what `log` gets; default `warn` */
  readonly logLevel?: 'debug' | 'warn';
}

/**
 * Sluice as in production, on servers of its own, every node in this process. With TEST_TOPOLOGY set, each API node is behind an
 * nginx and all nodes behind a PgBouncer, as in `npm run topology`.
 */
export interface System {
  readonly servers: TestServers;
  readonly apis: readonly ApiClient[];
  readonly api: ApiClient;
  readonly nodes: readonly NestFastifyApplication[];
  /** connections of the test alone, to look behind */
  readonly sql: pg.Pool;
  readonly redis: Redis;
  /** Starts one more node with these roles. */
  startNode(roles: string, env?: Readonly<Record<string, string>>): Promise<NestFastifyApplication>;
  /** Starts one more API node, which is told something else. */
  startApi(env?: Readonly<Record<string, string>>): Promise<ApiClient>;
  /** What the nodes logged: warnings and errors, or as the options have it. */
  readonly log: readonly string[];
  stop(): Promise<void>;
}

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const { apis: apiCount = 1, workers = 1, reconcilers = 1, env = {}, logLevel = 'warn' } = options;
  const servers = options.servers ?? (await startTestServers());
  const front = process.env.TEST_TOPOLOGY === undefined ? null : await startFront(servers.databaseUrl);
  const log: string[] = [];
  const logger = createLogger(logLevel, { write: (line) => void log.push(line) });
  const nodes: NestFastifyApplication[] = [];

  const startNode: System['startNode'] = async (roles, others = {}) => {
    const config = readConfig({
      PORT: '0',
      ROLES: roles,
      DATABASE_URL: front?.databaseUrl ?? servers.databaseUrl,
      REDIS_URL: servers.redisUrl,
      ADMIN_API_KEYS: `tester:${adminKey},helper:operator:${operatorKey},reader:viewer:${viewerKey}`,
      BUYER_JWT_SECRET: jwtSecret,
      ...noLimits,
      ...front?.env,
      ...env,
      ...others,
    });
    const node = await createApp(config, logger, new Metrics());
    await listen(node, config);
    nodes.push(node);
    return node;
  };

  const apis: ApiClient[] = [];
  const startApi: System['startApi'] = async (others) => {
    const node = await startNode('api', others);
    const { port } = node.getHttpServer().address() as AddressInfo;
    const document = openApiDocument(node) as unknown as ConstructorParameters<typeof OpenApiContract>[0];
    const url = `http://127.0.0.1:${port}`;
    const client = new ApiClient((await front?.putBefore(url)) ?? url, new OpenApiContract(document), url);
    apis.push(client);
    return client;
  };
  for (let i = 0; i < apiCount; i++) await startApi();
  for (let i = 0; i < workers; i++) await startNode('worker');
  for (let i = 0; i < reconcilers; i++) await startNode('reconciler');

  const [api] = apis;
  if (api === undefined) throw new Error('a system needs an API node');
  const sql = new pg.Pool({ connectionString: servers.databaseUrl, max: 4 });
  const redis = new Redis(servers.redis.url);
  // a test may take the servers away
  sql.on('error', () => undefined);
  redis.on('error', () => undefined);
  return {
    servers,
    apis,
    api,
    nodes,
    sql,
    redis,
    startNode,
    startApi,
    log,
    async stop() {
      for (const client of apis) await client.close();
      await Promise.all(nodes.filter((node) => isListening(node)).map((node) => node.close()));
      await sql.end();
      redis.disconnect();
      await front?.stop();
      await servers.stop();
    },
  };
}

/** A test may have closed it. */
function isListening(node: NestFastifyApplication): boolean {
  return (node.getHttpServer() as Server).listening;
}
