/** @needs docker-compose */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const root = new URL('../../', import.meta.url);

test('when docker-compose reads the file, alone and extended, then it takes it', async () => {
  const extensions = (await readdir(new URL('ops/compose/', root))).filter((name) => name.endsWith('.yml'));
  expect(extensions.length).toBeGreaterThan(0);
  const env = { ...process.env, BUYER_JWKS_URL: 'https://a.example', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://b.example' };
  const takes = async (...files: string[]): Promise<void> => {
    const args = [...files.flatMap((file) => ['-f', file]), 'config', '--quiet'];
    await promisify(execFile)('docker-compose', args, { cwd: root, env });
  };
  await takes('docker-compose.yml');
  await takes('docker-compose.yml', ...extensions.map((name) => `ops/compose/${name}`));
}, 30_000);
