import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Where a program is, undefined where this machine has none. For `chromium` the variable CHROMIUM may name another, or a path.
 *
 * @param {string} name
 */
export function findProgram(name) {
  const program = name === 'chromium' ? (process.env['CHROMIUM'] ?? name) : name;
  // Debian puts servers where only root's PATH leads
  const folders = program.includes('/') ? [''] : [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * The test files that cannot run on this machine, by the program that lacks. A test file that drives a program that no npm package brings
 * says so in a doc block at its top: `@needs chromium`.
 *
 * @param {URL} folder all `*.spec.ts` in it are read
 * @returns {Map<string, string[]>} paths relative to the folder
 */
export function filesByMissingProgram(folder) {
  /** @type {Map<string, string[]>} */
  const missing = new Map();
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!file.endsWith('.spec.ts')) continue;
    const [docBlock = ''] = /^\/\*\*[^]*?\*\//.exec(readFileSync(new URL(file, folder), 'utf8')) ?? [];
    for (const [, program = ''] of docBlock.matchAll(/@needs (\S+)/g)) {
      if (findProgram(program) !== undefined) continue;
      missing.set(program, [...(missing.get(program) ?? []), file]);
    }
  }
  return missing;
}
