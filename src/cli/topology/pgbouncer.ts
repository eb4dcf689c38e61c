import { execFile } from 'node:child_process';
import { chown, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { supervise, type Account, type Supervised } from '../../embedded/supervise.js';
import { systemPath } from './system-path.js';

const run = promisify(execFile);
const ops = fileURLToPath(new URL('../../../ops/pgbouncer/', import.meta.url));

export interface PgBouncerOptions {
  /** its folder: configuration and log; made when missing */
  readonly dir: string;
  /** where it listens on 127.0.0.1 */
  readonly port: number;
  /** the PostgreSQL behind it, on 127.0.0.1, with user and password */
  readonly databaseUrl: string;
}

/** Writes the configuration in ops/pgbouncer, with addresses of this machine for those of the containers. Every database is served. */
export async function configurePgBouncer({ dir, port, databaseUrl }: PgBouncerOptions): Promise<void> {
  const postgres = new URL(databaseUrl);
  await mkdir(dir, { recursive: true, mode: 0o711 });
  await copyFile(join(ops, 'pgbouncer.ini'), join(dir, 'pgbouncer.ini'));
  await writeFile(
    join(dir, 'site.ini'),
    `listen_addr = 127.0.0.1
listen_port = ${String(port)}
unix_socket_dir =

[databases]
* = host=${postgres.hostname} port=${postgres.port}
`,
  );
  const users = join(dir, 'userlist.txt');
  await writeFile(users, `"${postgres.username}" "${decodeURIComponent(postgres.password)}"\n`, { mode: 0o600 });
  const account = await unprivileged();
  if (account !== null) await chown(users, account.uid, account.gid);
}

/** Starts it with the configuration in `dir`. It ends with this process. */
export async function startPgBouncer(dir: string): Promise<Supervised> {
  return supervise('pgbouncer', ['pgbouncer.ini'], {
    stopSignals: ['TERM', 'KILL'],
    logFile: join(dir, 'pgbouncer.log'),
    cwd: dir,
    env: { PATH: systemPath },
    account: await unprivileged(),
  });
}

/** The same database by way of the PgBouncer on that port. */
export function pooled(databaseUrl: string, port: number): string {
  const url = new URL(databaseUrl);
  url.port = String(port);
  return url.href;
}

/** PgBouncer refuses to run as root. Null: we are not root. */
async function unprivileged(): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
