import { writeFile } from 'node:fs/promises';
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { runScript } from './run-script.js';

const usage = `usage: npm run load -- [-e NAME=VALUE]... load-tests/SCRIPT.ts

Runs a script written for k6, with the arguments of "k6 run", by the small runner in test/support/k6: see docs/load-testing.md.`;

/** As k6 ends when a threshold is broken. */
const brokenExitCode = 99;

const { values, positionals } = parseArgs({
  options: { env: { type: 'string', short: 'e', multiple: true }, help: { type: 'boolean', short: 'h' } },
  allowPositionals: true,
});
const [script, ...others] = positionals;
if (values.help === true || script === undefined || others.length > 0) {
  console.error(usage);
  process.exit(values.help === true ? 0 : 2);
}

const env = Object.fromEntries(
  (values.env ?? []).map((pair) => [pair.split('=', 1)[0] ?? '', pair.slice(pair.indexOf('=') + 1)]),
);
const generator = 'Measured by the runner in test/support/k6, not by k6 itself.';
try {
  register('./hooks.mjs', import.meta.url);
  const { outputs, kept } = await runScript(pathToFileURL(script), {
    ...process.env,
    LOAD_GENERATOR: generator,
    ...env,
  });
  for (const [file, content] of Object.entries(outputs)) {
    if (file === 'stdout') process.stdout.write(content);
    else await writeFile(file, content);
  }
  process.exit(kept ? 0 : brokenExitCode);
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exit(1);
}
