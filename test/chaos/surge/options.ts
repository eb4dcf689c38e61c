import { parseArgs } from 'node:util';
import { faultDescriptions, faultKinds, needsTopology, type FaultKind } from './fault-kinds.js';

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly faults: readonly FaultKind[];
  /** purchases that buyers begin in a second */
  readonly rate: number;
  /** holds that lapse at once, and orders that the large sale has from the start */
  readonly crowd: number;
  /** only tell what would be done */
  readonly dryRun: boolean;
  /** with nginx before the API nodes and PgBouncer before PostgreSQL */
  readonly topology: boolean;
  /** leave data and logs where they are */
  readonly keep: boolean;
}

const defaults = { seconds: 60, seed: 1, rate: 400 };
/** In a short run fewer holds lapse, or it would be over before they are. */
const crowdDefault = { most: 100_000, aSecond: 500 };

export const usage = `usage: npm run chaos -- [--seconds N] [--seed N] [--faults a,b,c] [--rate N] [--crowd N] [--topology] [--dry-run] [--keep]

Sells to a crowd on two API nodes, two workers, a reconciler, Redis and PostgreSQL while every 1 to 3 seconds something
breaks, then holds what buyers, the payment provider and the admin were told against both servers. Beside them a few buyers
come to a sale to which nothing is done: what is done to other sales alone must not make them wait for a second. While such a
fault is on, every second time nothing strikes that they need themselves (the first API node, workers, both servers), and that
is when they are measured. The exit code is 0 only if every promise was kept.

  --seconds N     how long things break (${defaults.seconds})
  --seed N        same seed, same faults (${defaults.seed})
  --faults a,b,c  only these kinds; \`none\` for none (all):
${faultKinds.map((kind) => `                    ${kind.padEnd(15)} ${faultDescriptions[kind]}`).join('\n')}
  --rate N        purchases begun in a second (${defaults.rate})
  --crowd N       holds that lapse at once (${crowdDefault.most}; in a shorter run ${crowdDefault.aSecond} for each of its seconds)
  --topology      nginx before the API nodes and PgBouncer before PostgreSQL, which may break too
  --dry-run       print the faults, do nothing
  --keep          keep data, logs and journal, and say where
  --help          this text`;

/** Reads the command line; null: it asks for help. @throws Error that names what is wrong */
export function readOptions(args: readonly string[]): ChaosOptions | null {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: text,
      seed: text,
      faults: text,
      rate: text,
      crowd: text,
      topology: flag,
      'dry-run': flag,
      keep: flag,
      help: flag,
    },
  });
  if (values.help) return null;
  const count = (name: keyof typeof defaults | 'crowd', otherwise: number): number => {
    const given = values[name] ?? String(otherwise);
    if (!/^\d{1,9}$/.test(given)) throw new Error(`--${name} must be an integer, not "${given}"`);
    return Number(given);
  };
  const seconds = count('seconds', defaults.seconds);
  return {
    seconds,
    seed: count('seed', defaults.seed),
    rate: count('rate', defaults.rate),
    crowd: Math.max(1, count('crowd', Math.min(crowdDefault.most, crowdDefault.aSecond * seconds))),
    faults: faultsOf(values.faults, values.topology),
    topology: values.topology,
    dryRun: values['dry-run'],
    keep: values.keep,
  };
}

function faultsOf(given: string | undefined, topology: boolean): FaultKind[] {
  const able = faultKinds.filter((kind) => topology || !needsTopology(kind));
  if (given === undefined) return able;
  if (given === 'none') return [];
  return given.split(',').map((name) => {
    const kind = able.find((known) => known === name);
    if (kind === undefined) throw new Error(`--faults: there is no "${name}", only ${able.join(', ')}`);
    return kind;
  });
}
