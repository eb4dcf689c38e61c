/**
 * Writes the Prisma client to src/postgres/generated, without any download: the CLI wants a schema engine binary even
 * though `generate` never runs it, so it is given one that does nothing. Skipped while schema and Prisma are unchanged.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = new URL('../', import.meta.url);
const stamp = new URL('src/postgres/generated/.stamp', root);
const cli = require.resolve('prisma/build/index.js');

const fingerprint = createHash('sha256')
  .update(readFileSync(new URL('prisma/schema.prisma', root)))
  .update(readFileSync(require.resolve('prisma/package.json')))
  .digest('hex');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== fingerprint) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'generate', '--no-hints'], {
    cwd: fileURLToPath(root),
    encoding: 'utf8',
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    },
  });
  if (status !== 0) {
    process.stderr.write(`prisma generate failed\n${stdout}${stderr}`);
    process.exit(1);
  }
  writeFileSync(stamp, fingerprint);
}
