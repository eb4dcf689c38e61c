/**
 * Builds dist/, or leaves it where it is what these sources give: `npm run token` beside a running system must not take its
 * files away. What is new is built beside it and takes its place whole.
 */
import { execSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('../', import.meta.url)));

const sources = ['src', 'web', 'scripts/build.js', '.swcrc', 'vite.config.ts', 'package-lock.json'];
const stamp = 'dist/.stamp';

/** @param {string} path */
function filesOf(path) {
  if (statSync(path).isFile()) return [path];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => join(path, name)).filter((file) => statSync(file).isFile() && !file.endsWith('.spec.ts'));
}

const hash = createHash('sha256');
for (const file of sources.flatMap(filesOf)) hash.update(`${file}\0`).update(readFileSync(file));
const fingerprint = hash.digest('hex');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== fingerprint) {
  const [next, last] = [`.build-${process.pid}`, `.build-${process.pid}-last`];
  try {
    execSync(`swc src --out-dir ${next} --strip-leading-paths --copy-files --ignore '**/*.spec.ts' --quiet`, {
      stdio: 'inherit',
    });
    execSync(`vite build --outDir ../${next}/web --logLevel warn`, { stdio: 'inherit' });
    writeFileSync(join(next, '.stamp'), fingerprint);
    if (existsSync('dist')) renameSync('dist', last);
    renameSync(next, 'dist');
  } catch {
    process.exitCode = 1; // the tool has said why
  } finally {
    for (const folder of [next, last]) rmSync(folder, { recursive: true, force: true });
  }
}
