/** @needs openssl */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { readConfig } from '../../src/config/index.js';
import { secretNames } from '../../src/config/secret-files.js';

const root = new URL('../../', import.meta.url);
let dir: string;
let secrets: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sluice-secrets-'));
  secrets = join(dir, 'secrets');
  await mkdir(join(dir, 'ops'));
  await copyFile(new URL('ops/secrets.sh', root), join(dir, 'ops/secrets.sh'));
  await run();
});

afterAll(() => rm(dir, { recursive: true }));

async function run(): Promise<void> {
  await promisify(execFile)('sh', [join(dir, 'ops/secrets.sh')]);
}

const contentOf = (name: string): Promise<string> => readFile(join(secrets, name), 'utf8');

test('when the secrets are made, then every file is there that docker-compose.yml mounts, in a folder of its owner alone', async () => {
  const compose = parse(await readFile(new URL('docker-compose.yml', root), 'utf8')) as { secrets: object };
  expect((await readdir(secrets)).sort()).toEqual([...Object.keys(compose.secrets), 'pgbouncer_userlist'].sort());
  expect((await stat(secrets)).mode & 0o777).toBe(0o700);
});

test('when the nodes read them, then they have all that they need', () => {
  const config = readConfig(
    Object.fromEntries(secretNames.map((name) => [`${name}_FILE`, join(secrets, name.toLowerCase())])),
  );
  expect(config).toMatchObject({ databaseUrl: expect.stringContaining('@pgbouncer:6432/sluice') });
});

test('when one password is in several files, then it is the same in each', async () => {
  const [postgres, redis] = [await contentOf('postgres_password'), await contentOf('redis_password')];
  expect(postgres).toMatch(/^[\w-]{32}$/);
  expect(postgres).not.toBe(redis);
  expect(await contentOf('database_url')).toContain(`:${postgres}@`);
  expect(await contentOf('pgbouncer_userlist')).toBe(`"sluice" "${postgres}"\n`);
  expect(await contentOf('redis_url')).toContain(`:${redis}@`);
});

test('when it is run again, then what is there stays, and what was removed is made anew', async () => {
  const kept = await contentOf('postgres_password');
  const removed = await contentOf('grafana_password');
  await rm(join(secrets, 'grafana_password'));
  await run();
  expect(await contentOf('postgres_password')).toBe(kept);
  expect(await contentOf('grafana_password')).toMatch(/^[\w-]{32}$/);
  expect(await contentOf('grafana_password')).not.toBe(removed);
});
