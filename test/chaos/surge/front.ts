import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { configureNginx, startNginx } from '../../../src/cli/topology/nginx.js';
import { configurePgBouncer, pooled, startPgBouncer } from '../../../src/cli/topology/pgbouncer.js';
import { freePort } from '../../../src/embedded/index.js';
import { KeptProcess } from '../../../src/embedded/kept-process.js';

/** What stands between: nginx before the API nodes, PgBouncer before PostgreSQL, as in `npm run topology`, and what may be done to them. */
export class Front {
  private nginx: KeptProcess | undefined;
  private readonly nginxDir: string;

  private constructor(
    dir: string,
    private readonly pgBouncer: KeptProcess,
    readonly pgBouncerPort: number,
    private readonly nginxPort: number,
  ) {
    this.nginxDir = join(dir, 'nginx');
  }

  static async start(dir: string, databaseUrl: string): Promise<Front> {
    const [port, nginxPort] = [await freePort(), await freePort()];
    const pgBouncerDir = join(dir, 'pgbouncer');
    await configurePgBouncer({ dir: pgBouncerDir, port, databaseUrl });
    return new Front(dir, new KeptProcess('pgbouncer', () => startPgBouncer(pgBouncerDir)), port, nginxPort);
  }

  /** The database by way of PgBouncer. */
  pooled(databaseUrl: string): string {
    return pooled(databaseUrl, this.pgBouncerPort);
  }

  /** @param urls of the API nodes. @returns where buyers and admins call from now on */
  async putBefore(urls: readonly string[]): Promise<string> {
    const nodes = urls.map((url) => new URL(url).host);
    await configureNginx({ dir: this.nginxDir, port: this.nginxPort, nodes, limited: false });
    this.nginx = new KeptProcess('nginx', () => startNginx(this.nginxDir));
    return `http://127.0.0.1:${this.nginxPort}`;
  }

  killPgBouncer(downMs: number): Promise<void> {
    return this.pgBouncer.end('SIGKILL', downMs);
  }

  freezePgBouncer(ms: number): Promise<void> {
    return freeze(ms, (signal) => {
      this.pgBouncer.signal(signal);
    });
  }

  /** The workers go first: they would outlive their master, and hold its port. */
  async killNginx(downMs: number): Promise<void> {
    const workers = await this.nginxWorkers();
    const ended = this.nginx?.end('SIGKILL', downMs);
    signalAll(workers, 'SIGKILL');
    await ended;
  }

  async freezeNginx(ms: number): Promise<void> {
    const workers = await this.nginxWorkers();
    await freeze(ms, (signal) => {
      this.nginx?.signal(signal);
      signalAll(workers, signal);
    });
  }

  async heal(): Promise<void> {
    this.pgBouncer.signal('SIGCONT');
    this.nginx?.signal('SIGCONT');
    signalAll(await this.nginxWorkers(), 'SIGCONT');
  }

  async stop(): Promise<void> {
    await this.heal();
    await Promise.all([this.nginx?.stop(), this.pgBouncer.stop()]);
  }

  private async nginxWorkers(): Promise<number[]> {
    const pid = this.nginx?.pid;
    if (pid === undefined) return [];
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    return children.trim().split(' ').filter(Boolean).map(Number);
  }
}

async function freeze(ms: number, signal: (signal: NodeJS.Signals) => void): Promise<void> {
  signal('SIGSTOP');
  await delay(ms);
  signal('SIGCONT');
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // it has ended
    }
  }
}
