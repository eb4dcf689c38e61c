/**
 * Lists the licences of all that is installed in production, from package-lock.json: docs/licences.md. With `--check` it
 * writes nothing, and fails where the list is old or a licence is not one that we know we may ship.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../docs/licences.md', import.meta.url);
/** Permissive: they ask for their notice to be kept, and for nothing else. */
const known =
  /^\(?(MIT|ISC|Apache-2\.0|BSD-2-Clause|BSD-3-Clause|0BSD|BlueOak-1\.0\.0|Unlicense|CC0-1\.0|PostgreSQL|Python-2\.0)\b/;

/** @typedef {{ packages: Record<string, { version?: string, license?: string, dev?: boolean, devOptional?: boolean }> }} Lock */
/** @type {Lock} */
// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- npm writes it so
const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
/** @type {Map<string, Set<string>>} */
const byLicence = new Map();
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '' || entry.dev === true || entry.devOptional === true) continue;
  const licence = entry.license ?? 'unknown';
  /** @type {Set<string>} */
  const names = byLicence.get(licence) ?? new Set();
  byLicence.set(licence, names.add(`${path.replace(/^.*node_modules\//, '')} ${entry.version}`));
}

const sections = [...byLicence]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([licence, names]) => `## ${licence}\n\n${[...names].sort().join(', ')}\n`);
const text = `# Licences\n\nOf what is installed in production. Written by \`npm run licences\`.\n\n${sections.join('\n')}`;

const foreign = [...byLicence.keys()].filter((licence) => !known.test(licence));
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) foreign.push('docs/licences.md is old: npm run licences');
for (const problem of foreign) process.stderr.write(`licences: ${problem}\n`);
process.exitCode = foreign.length > 0 ? 1 : 0;
