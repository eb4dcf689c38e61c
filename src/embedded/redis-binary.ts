import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Takes one line that tells the user what takes so long. */
export type Announce = (line: string) => void;

/** Installed only where nothing else will do, so not a dependency: where scripts run at install, it compiles Redis for everybody. */
const MEMORY_SERVER = 'redis-memory-server@0.17.1';
const COMPILED_VERSION = '7.2.7';

const HOW_TO_INSTALL = [
  'Redis 7 or newer, or Valkey, is needed: put redis-server or valkey-server on the PATH.',
  '  Debian, Ubuntu: sudo apt-get install redis-server',
  '  Fedora, RHEL:   sudo dnf install valkey',
  '  Alpine:         sudo apk add redis',
  '  macOS:          brew install redis',
].join('\n');

/**
 * The server to run: `redis-server` from the PATH, else `valkey-server`, else one that is installed now: by apt-get as root, else compiled
 * by the npm package redis-memory-server into `~/.cache/sluice` (needs make and a C compiler, takes minutes, once).
 *
 * @throws Error that says what to install, and why installing it here failed
 */
export async function ensureRedisBinary(announce: Announce = () => undefined): Promise<string> {
  const present = await installedBinary();
  if (present !== null) return present;
  const failures: string[] = [];
  for (const install of [installWithApt, compileWithMemoryServer]) {
    try {
      const installed = await install(announce);
      if (installed !== null) return installed;
    } catch (error) {
      failures.push(reason(error));
    }
  }
  throw new Error([HOW_TO_INSTALL, ...failures.map((failure) => `Installing it here failed: ${failure}`)].join('\n'));
}

async function installedBinary(): Promise<string | null> {
  return (await onPath('redis-server')) ?? (await onPath('valkey-server'));
}

async function onPath(program: string): Promise<string | null> {
  try {
    const { stdout } = await run('/bin/sh', ['-c', 'command -v "$1"', 'sh', program]);
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

/** Null where there is no apt-get or we are not root. */
async function installWithApt(announce: Announce): Promise<string | null> {
  if (process.getuid?.() !== 0 || (await onPath('apt-get')) === null) return null;
  announce('No Redis found: installing redis-server with apt-get');
  await withoutServiceStart(async () => {
    const apt = (...args: string[]) => run('env', ['DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...args]);
    await apt('update');
    await apt('install', '-y', '--no-install-recommends', 'redis-server');
  });
  return installedBinary();
}

/** Debian starts a service as it is installed, unless this script forbids it. An administrator's own script stays as it is. */
async function withoutServiceStart(work: () => Promise<void>): Promise<void> {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' }).then(
    () => true,
    () => false,
  );
  try {
    await work();
    // Nor at the next boot. Where there is no systemd there is nothing to disable.
    await run('systemctl', ['disable', 'redis-server']).catch(() => undefined);
  } finally {
    if (ours) await rm(policy, { force: true });
  }
}

async function compileWithMemoryServer(announce: Announce): Promise<string> {
  const cache = join(homedir(), '.cache', 'sluice');
  announce(`No Redis found: compiling ${COMPILED_VERSION} with ${MEMORY_SERVER} into ${cache} (takes minutes, once)`);
  await run('npm', ['install', '--prefix', cache, '--ignore-scripts', '--no-audit', '--no-fund', MEMORY_SERVER]);
  const find =
    'require("redis-memory-server/lib/util/RedisBinary").default.getPath({ downloadDir: process.argv[1], version: process.argv[2] })' +
    '.then((path) => console.log(path), (error) => { console.error(error.message); process.exit(1); })';
  const { stdout } = await run(process.execPath, ['-e', find, join(cache, 'redis-binaries'), COMPILED_VERSION], {
    cwd: cache,
  });
  return stdout.trim();
}

function reason(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  return (stderr?.trim().split('\n').slice(-3).join('\n') ?? '') || (message ?? String(error));
}
