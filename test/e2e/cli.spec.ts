/** @needs ps */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { saleBody } from '../support/given.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const project = fileURLToPath(new URL('../../', import.meta.url));
const slowMs = 120_000;

interface Command {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** the exit code */
  readonly ended: Promise<number | null>;
}

let cwd: string;
let commands: Command[];

beforeEach(async () => {
  cwd = await temporaryFolder('cli');
  commands = [];
});

afterEach(async () => {
  for (const { child } of commands) child.kill('SIGTERM');
  await Promise.all(commands.map(({ ended }) => ended));
  await rm(cwd, { recursive: true, force: true });
}, slowMs);

/** Runs a built command in a folder of its own. */
function run(command: string, args: readonly string[] = [], env: Record<string, string> = {}): Command {
  const child = spawn(process.execPath, [join(project, 'dist/cli', `${command}.js`), ...args], {
    cwd,
    env: { PATH: process.env['PATH'], TMPDIR: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  }
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const running = { child, output: () => text, ended };
  commands.push(running);
  return running;
}

test(
  'when nothing has changed since the build, then a command beside a running system leaves its files alone',
  async () => {
    const main = join(project, 'dist/main.js');
    const before = await stat(main);
    const env = { ...process.env, BUYER_JWT_SECRET: 'a secret of thirty-two bytes or so' };
    await promisify(execFile)('npm', ['run', '--silent', 'token', '--', 'ann'], { cwd: project, env });
    expect((await stat(main)).ino).toBe(before.ino);
  },
  slowMs,
);

describe('npm run demo', () => {
  test(
    'when a small crowd comes twice, then the audit is clean and told in plain lines',
    async () => {
      const demo = run('demo', ['--tickets', '100', '--buyers', '1000', '--concurrency', '50']);
      expect({ code: await demo.ended, output: demo.output() }).toMatchObject({ code: 0 });
      const lines = demo.output().split('\n');
      expect(lines).toEqual(
        expect.arrayContaining(['requests 1000', 'sold 100', 'confirmed 100', 'oversold 0', 'lost 0', 'drift 0']),
      );
      expect(demo.output()).toMatch(/^requests a second \d+$/m);
      expect(demo.output()).toMatch(/^expired [1-9]\d*$/m);
      expect(demo.output()).not.toMatch(/unexpected|unanswered/i);
      expect(demo.output()).not.toMatch(/[\r\x1b]/);
    },
    slowMs,
  );

  test('when an option is wrong, then it says so and exits 2', async () => {
    const unknown = run('demo', ['--ticket', '5']);
    const invalid = run('demo', ['--tickets', 'many']);
    expect([await unknown.ended, await invalid.ended]).toEqual([2, 2]);
    expect(unknown.output()).toContain("'--ticket'");
    expect(invalid.output()).toContain('--tickets must be an integer from 2 to 1000000, not "many"');
  });

  test(
    'when it is interrupted, then it ends what it started and exits 130',
    async () => {
      const demo = run('demo');
      await until(() => demo.output().includes('first wave'), { timeoutMs: slowMs });
      demo.child.kill('SIGINT');
      expect(await demo.ended).toBe(130);
      const { stdout } = await promisify(execFile)('ps', ['-eo', 'args']);
      expect(stdout).not.toContain(cwd);
      expect(await readdir(cwd)).toEqual([]);
    },
    slowMs,
  );
});

describe('npm start', () => {
  interface Started extends Command {
    readonly api: string;
    readonly adminKey: string;
  }

  async function start(env: Record<string, string> = {}): Promise<Started> {
    const command = run('start', [], { PORT: '0', ...env });
    const told = (name: string): string => new RegExp(`^ +${name} +(\\S+)$`, 'm').exec(command.output())?.[1] ?? '';
    await until(() => command.output().includes('/confirm'), { timeoutMs: 60_000 });
    return { ...command, api: told('API'), adminKey: told('Admin key') };
  }

  async function call(url: string, bearer: string, body?: object): Promise<{ status: number; body: unknown }> {
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  test(
    'when it is stopped and started again, then data and key are still there; meanwhile there is only one',
    async () => {
      const first = await start();
      const created = await call(`${first.api}/v1/admin/sales`, first.adminKey, saleBody());
      expect(created.status).toBe(201);

      const second = run('start', [], { PORT: '0' });
      expect(await second.ended).toBe(1);
      expect(second.output()).toContain(`one is already running (pid ${String(first.child.pid)})`);

      first.child.kill('SIGTERM');
      expect(await first.ended).toBe(0);
      const again = await start();
      expect(again.adminKey).toBe(first.adminKey);
      const { id } = created.body as { id: string };
      expect((await call(`${again.api}/v1/admin/sales/${id}`, again.adminKey)).status).toBe(200);
      expect((await stat(join(cwd, '.data/keys.json'))).mode & 0o777).toBe(0o600);
    },
    slowMs,
  );

  test(
    'when a token is asked for, then it is its buyer’s; when the application dies, then it says so and exits 1',
    async () => {
      const started = await start();
      const token = run('token', ['bob']);
      expect(await token.ended).toBe(0);
      const nowhere = '01900000-0000-7000-8000-000000000000';
      const { status } = await call(`${started.api}/v1/sales/${nowhere}/orders`, token.output().trim());
      expect(status).toBe(404); // not 401

      const log = await readFile(join(cwd, '.data/sluice.log'), 'utf8');
      process.kill(Number(/"pid":(\d+)/.exec(log)?.[1]), 'SIGKILL');
      expect(await started.ended).toBe(1);
      expect(started.output()).toMatch(/Sluice \(pid \d+\) ended by itself/);
    },
    slowMs,
  );

  test(
    'when the file of limits changes, then SIGHUP puts them in force, and a wrong file is refused in the log',
    async () => {
      const file = join(cwd, 'limits.yaml');
      await writeFile(file, 'ip: 3/1h\n');
      const { api } = await start({ RATE_LIMITS_FILE: file });
      const log = (): Promise<string> => readFile(join(cwd, '.data/sluice.log'), 'utf8');
      const pid = Number(/"pid":(\d+)/.exec(await log())?.[1]);
      const policy = async (): Promise<string | null> =>
        (await fetch(`${api}/v1/nothing`)).headers.get('ratelimit-policy');
      expect(await policy()).toBe('"ip";q=3;w=3600');
      await writeFile(file, '{"ip": "50/1m"}');
      process.kill(pid, 'SIGHUP');
      await until(async () => (await policy()) === '"ip";q=50;w=60');
      await writeFile(file, 'ip: 50 a minute');
      process.kill(pid, 'SIGHUP');
      await until(async () => (await log()).includes('the limits stay as they were'));
      expect(await policy()).toBe('"ip";q=50;w=60');
    },
    slowMs,
  );

  test(
    'when its port is taken, then it says so and exits 1',
    async () => {
      const { api } = await start();
      const folder = cwd;
      cwd = await temporaryFolder('cli');
      const other = run('start', [], { PORT: new URL(api).port });
      expect(await other.ended).toBe(1);
      expect(other.output()).toContain(`port ${new URL(api).port} on 127.0.0.1 is already in use`);
      await rm(cwd, { recursive: true });
      cwd = folder;
    },
    slowMs,
  );
});

describe('npm run token', () => {
  test('when there is no secret to sign with, then it says what to do and exits 1', async () => {
    const token = run('token', ['bob']);
    expect(await token.ended).toBe(1);
    expect(token.output()).toContain('run npm start first');
  });

  test('when it is asked for many, then they are in a file, each another buyer’s', async () => {
    const token = run('token', ['--count', '3', '--out', 'tokens.json'], { BUYER_JWT_SECRET: 's'.repeat(32) });
    expect({ code: await token.ended, output: token.output() }).toEqual({ code: 0, output: '' });
    const tokens = JSON.parse(await readFile(join(cwd, 'tokens.json'), 'utf8')) as string[];
    const subjects = tokens.map((text) => decodeJwt(text).sub);
    expect(subjects).toEqual(['load-1', 'load-2', 'load-3']);
  });

  test.each([[['--count', '0', '--out', 'a']], [['--count', '3']], [['--out', 'a']], [['a', 'b']], [[]]])(
    'when the arguments are %j, then it says how to use it and exits 2',
    async (args) => {
      const token = run('token', args);
      expect(await token.ended).toBe(2);
      expect(token.output()).toContain('usage:');
    },
  );
});
