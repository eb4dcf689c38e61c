import { parseArgs } from 'node:util';
import { figures } from './figures/index.js';

export interface BenchOptions {
  /** which figures; all of them where none was named */
  readonly names: readonly string[];
  readonly quick: boolean;
  readonly json: boolean;
  /** where processor profiles go; null: none are taken */
  readonly profiles: string | null;
}

const known = figures.map(({ name }) => name);

export const usage = `usage: npm run bench -- [figure ...] [--quick] [--json] [--profile DIR]

Measures Sluice, as built and with all its guarantees on, against yardsticks on the same machine in the same run, on servers
of its own and temporary data. Prints a table and writes bench/results.json; a full run also draws docs/images/*.svg anew.

  figure   ${known.join(', ')} (all of them)
  --quick  one short run of each, under a minute in all: tells that the benchmark works, not how fast Sluice is
  --json   prints the results as JSON in place of the table
  --profile DIR
           also writes a processor profile of the API and of the worker for each figure, and says where their time went;
           taking them costs speed
  --help   this text`;

/** Reads the command line; null: it asks for help. @throws Error that names what is wrong */
export function readOptions(args: readonly string[]): BenchOptions | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`there is no figure "${unknown.join('", "')}"`);
  const { quick, json, profile = null } = values;
  return { names: positionals.length === 0 ? known : positionals, quick, json, profiles: profile };
}
