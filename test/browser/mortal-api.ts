import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/embedded/index.js';
import { adminKey, jwtSecret } from '../support/api-client.js';
import type { TestServers } from '../support/servers.js';
import { until } from '../support/until.js';

const project = fileURLToPath(new URL('../../', import.meta.url));

/** An API process that can be killed, and started again where it was. */
export class MortalApi {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly servers: TestServers,
    private readonly port: number,
  ) {}

  static async start(servers: TestServers): Promise<MortalApi> {
    const api = new MortalApi(servers, await freePort());
    await api.start();
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves once it answers. `npm test` has built it. */
  async start(): Promise<void> {
    this.child = spawn(process.execPath, ['dist/main.js'], {
      cwd: project,
      env: {
        PATH: process.env['PATH'],
        PORT: String(this.port),
        ROLES: 'api',
        DATABASE_URL: this.servers.databaseUrl,
        REDIS_URL: this.servers.redisUrl,
        ADMIN_API_KEYS: `tester:${adminKey}`,
        BUYER_JWT_SECRET: jwtSecret,
        LOG_LEVEL: 'silent',
      },
      stdio: 'ignore',
    });
    const isReady = (): Promise<boolean> => fetch(`${this.url}/health/ready`).then(({ ok }) => ok);
    await until(isReady, { timeoutMs: 60_000, intervalMs: 50 });
  }

  /** At once, with all that it has in hand. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}
