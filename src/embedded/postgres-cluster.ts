import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access as accessFile, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { postgresVersion, type PostgresBinaries } from './postgres-binaries.js';
import type { Launcher } from './postgres-account.js';

const run = promisify(execFile);
const DRAFT = 'cluster.draft-';

/** The superuser and the database of an embedded PostgreSQL. */
export const NAME = 'sluice';

/** The locale does not follow the machine: the same data sort the same everywhere. */
export const POSTGRES_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

/** Where things are in the folder of an embedded PostgreSQL. */
export interface PostgresFolder {
  readonly dir: string;
  readonly cluster: string;
  readonly passwordFile: string;
  readonly logFile: string;
}

export function postgresFolder(dir: string): PostgresFolder {
  return { dir, cluster: join(dir, 'cluster'), passwordFile: join(dir, 'password'), logFile: join(dir, 'server.log') };
}

/**
 * Creates the cluster unless it is there, and answers the superuser's password.
 * A cluster appears by a rename when it is whole: one cut off half-way is thrown away by the next call.
 *
 * @throws Error with what `initdb` said, or when the data belong to another major version
 */
export async function openCluster(
  folder: PostgresFolder,
  binaries: PostgresBinaries,
  launcher: Launcher,
  durable: boolean,
): Promise<string> {
  await discardDrafts(folder);
  if (await exists(join(folder.cluster, 'PG_VERSION'))) {
    await assertSameMajor(folder, binaries);
    return (await readFile(folder.passwordFile, 'utf8')).trim();
  }
  const password = randomBytes(24).toString('base64url');
  await writeFile(folder.passwordFile, `${password}\n`, { mode: 0o600 });
  await initdb(folder, binaries, launcher, { password, durable });
  return password;
}

async function initdb(
  folder: PostgresFolder,
  binaries: PostgresBinaries,
  { owner, spawnAs, prefix }: Launcher,
  { password, durable }: { password: string; durable: boolean },
): Promise<void> {
  const draft = join(folder.dir, DRAFT + randomBytes(4).toString('hex'));
  const data = join(draft, 'data');
  // initdb reads the password under its own account, from a file that goes with the draft.
  const passwordFile = join(draft, 'password');
  await mkdir(data, { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (owner) await Promise.all([draft, data, passwordFile].map((path) => chown(path, owner.uid, owner.gid)));
  const access = [`--username=${NAME}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  const text = ['--encoding=UTF8', '--locale=C'];
  const [command = '', ...args] = [
    ...prefix,
    binaries.initdb,
    `--pgdata=${data}`,
    ...access,
    ...text,
    ...(durable ? [] : ['--no-sync']),
  ];
  try {
    await run(command, args, { cwd: '/', env: POSTGRES_ENVIRONMENT, ...spawnAs });
    await rename(data, folder.cluster);
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`initdb failed: ${stderr?.trim() ?? message}`, { cause: error });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function assertSameMajor(folder: PostgresFolder, binaries: PostgresBinaries): Promise<void> {
  const written = (await readFile(join(folder.cluster, 'PG_VERSION'), 'utf8')).trim();
  const ours = await postgresVersion(binaries);
  if (ours.split('.')[0] === written) return;
  throw new Error(
    `the data in ${folder.dir} belong to PostgreSQL ${written}, not ${ours}: use another folder, or remove this one`,
  );
}

async function discardDrafts(folder: PostgresFolder): Promise<void> {
  const drafts = (await readdir(folder.dir)).filter((name) => name.startsWith(DRAFT));
  await Promise.all(drafts.map((name) => rm(join(folder.dir, name), { recursive: true, force: true })));
}

function exists(path: string): Promise<boolean> {
  return accessFile(path).then(
    () => true,
    () => false,
  );
}
