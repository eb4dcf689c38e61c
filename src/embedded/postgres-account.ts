import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

import type { Account } from './supervise.js';

const run = promisify(execFile);

/** How to start a program of PostgreSQL, which refuses to run as root. */
export interface Launcher {
  /** Whose the data are; null means ours. */
  readonly owner: Account | null;
  /** The account to spawn it as; null means our own: we are that user, or `prefix` changes to it. */
  readonly spawnAs: Account | null;
  /** Words to put before the command: `setpriv` with its options, or nothing. */
  readonly prefix: readonly string[];
}

/**
 * An ordinary user starts it as they are. Root starts it as the owner of the existing data, else as `postgres`, else as `nobody`.
 *
 * That account may have no way into our folders, as in a project below `/root`. Opening those to everyone is not ours to do, so the server
 * then gets a capability to pass through them. It is less than root has, and lives on 127.0.0.1 behind a password that only root can read.
 *
 * @param paths what must be reached: a program of PostgreSQL (`initdb`, which is also what is tried) and the data
 * @throws Error when root has no account to use or the account cannot reach a path
 */
export async function postgresLauncher(paths: { initdb: string; cluster: string }): Promise<Launcher> {
  if (process.getuid?.() !== 0) return { owner: null, spawnAs: null, prefix: [] };
  const account = (await ownerOf(paths.cluster)) ?? (await accountNamed('postgres')) ?? (await accountNamed('nobody'));
  if (!account)
    throw new Error(
      'PostgreSQL must not run as root, and there is neither a user "postgres" nor "nobody": run as an ordinary user',
    );
  const unreachable =
    (await firstClosedFolder(paths.initdb, account)) ?? (await firstClosedFolder(paths.cluster, account));
  if (unreachable === null) return { owner: account, spawnAs: account, prefix: [] };
  for (const capability of ['dac_read_search', 'dac_override']) {
    const prefix = withCapability(account, capability);
    if (await works([...prefix, paths.initdb, '--show', '--locale=C', '--pgdata=/nowhere']))
      return { owner: account, spawnAs: null, prefix };
  }
  throw new Error(
    `PostgreSQL must not run as root, and its user (uid ${String(account.uid)}) may not enter ${unreachable}: ` +
      'run as an ordinary user, install setpriv (Debian: util-linux), or move the project to a folder that others may enter',
  );
}

/**
 * PostgreSQL's programs look for themselves with access(2), which forgets the capabilities of whoever is not root, but with
 * `no_setuid_fixup` (capabilities(7)).
 */
function withCapability({ uid, gid }: Account, capability: string): string[] {
  const user = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  const capabilities = ['--inh-caps', `-all,+${capability}`, '--ambient-caps', `-all,+${capability}`];
  return ['setpriv', ...user, '--securebits', '+no_setuid_fixup', ...capabilities, '--'];
}

async function ownerOf(cluster: string): Promise<Account | null> {
  const found = await stat(cluster).catch(() => null);
  return found && found.uid !== 0 ? { uid: found.uid, gid: found.gid } : null;
}

async function accountNamed(name: string): Promise<Account | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null;
  }
}

/** The folder above `path` that the account has no right to enter, null when it may enter all of them. */
async function firstClosedFolder(path: string, account: Account): Promise<string | null> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return folder;
    if (folder === dirname(folder)) return null;
  }
}

async function works([command = '', ...args]: readonly string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}
