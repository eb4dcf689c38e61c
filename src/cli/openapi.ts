import 'reflect-metadata';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createApp } from '../bootstrap.js';
import { readConfig } from '../config/index.js';
import { openApiDocument } from '../http/index.js';
import { createLogger, Metrics } from '../observability/index.js';

const file = new URL('../../docs/openapi.json', import.meta.url);

/** `npm run openapi`: writes docs/openapi.json from the code; with `--check` it only says whether the file is up to date. */
try {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  const text = await openApi();
  if (!values.check) {
    await mkdir(new URL('.', file), { recursive: true });
    await writeFile(file, text);
  } else if ((await readFile(file, 'utf8').catch(() => null)) !== text) {
    throw new Error(`${fileURLToPath(file)} is not what the code says: run npm run openapi`);
  }
  process.exit(0); // the app would go on looking for its Redis
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

/** Needs no server: the application is put together and not started. */
async function openApi(): Promise<string> {
  const config = readConfig({
    DATABASE_URL: 'postgresql://127.0.0.1:1/none',
    REDIS_URL: 'redis://127.0.0.1:1',
    ADMIN_API_KEYS: 'nobody:admin:sha256:' + '0'.repeat(64),
    BUYER_JWT_SECRET: '0'.repeat(32),
  });
  const app = await createApp(config, createLogger('silent'), new Metrics());
  return `${JSON.stringify(openApiDocument(app), null, 2)}\n`;
}
