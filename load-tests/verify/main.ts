import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { adminApi } from './admin-api.js';
import { audit, isClean } from './audit.js';

const usage = `usage: npm run load:verify -- --sale ID [--url URL] [--report FILE.json]... [--wait SECONDS]

Audits a sale after load, by the admin API. ADMIN_API_KEY holds an administrator's key. With the JSON reports of all runs
against the sale it also says whether an accepted order is lost. Exit code 0: clean, 1: not clean or not to be read, 2: usage.`;

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
    sale: { type: 'string' },
    report: { type: 'string', multiple: true },
    wait: { type: 'string', default: '30' },
    help: { type: 'boolean' },
  },
});
const key = process.env['ADMIN_API_KEY'] ?? '';
const waitMs = Number(values.wait) * 1000;
if (values.help === true || values.sale === undefined || key === '' || !(waitMs >= 0)) {
  console.error(usage);
  process.exit(values.help === true ? 0 : 2);
}

try {
  const accepted = values.report === undefined ? null : await acceptedIn(values.report);
  const found = await audit(adminApi(values.url, key), values.sale, accepted, waitMs);
  if (accepted !== null) console.log(`accepted ${accepted}`);
  for (const [status, count] of Object.entries(found.orders)) console.log(`orders ${status} ${count}`);
  for (const figure of ['queued', 'lost', 'unanswered', 'oversold', 'drift', 'miscounted'] as const)
    console.log(`${figure} ${found[figure]}`);
  console.log(`consistent ${String(found.consistent)}`);
  if (found.unanswered > 0)
    console.log('lost is the least that it can be: each unanswered order may hide one that is lost');
  process.exitCode = isClean(found) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** New orders that these runs were promised. */
async function acceptedIn(files: readonly string[]): Promise<number> {
  let sum = 0;
  for (const file of files) {
    const { metrics } = JSON.parse(await readFile(file, 'utf8')) as {
      metrics: Record<string, { values: { count?: number } }>;
    };
    sum += metrics['accepted']?.values.count ?? 0;
  }
  return sum;
}
