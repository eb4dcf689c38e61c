import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** over both ticket types */
  readonly tickets: number;
  readonly buyers: number;
  /** requests under way at once */
  readonly concurrency: number;
}

const defaults: DemoOptions = { tickets: 1000, buyers: 20_000, concurrency: 100 };
const bounds = { tickets: [2, 1_000_000], buyers: [1, 1_000_000], concurrency: [1, 5000] } as const;

export const usage = `usage: npm run demo -- [--tickets N] [--buyers N] [--concurrency N]

Sells tickets of two types to a crowd, on servers of its own and temporary data, and audits the result.
The exit code is 0 only if nothing was oversold or lost and nothing drifts.

  --tickets N      tickets for sale, ${bounds.tickets.join(' to ')} (${defaults.tickets})
  --buyers N       buyers, each with one purchase request, ${bounds.buyers.join(' to ')} (${defaults.buyers})
  --concurrency N  requests under way at once, ${bounds.concurrency.join(' to ')} (${defaults.concurrency})
  --help           this text`;

/** Reads the command line; null: it asks for help. @throws Error that names what is wrong */
export function readOptions(args: readonly string[]): DemoOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      tickets: { type: 'string' },
      buyers: { type: 'string' },
      concurrency: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return null;
  const count = (name: keyof DemoOptions): number => {
    const text = values[name];
    if (text === undefined) return defaults[name];
    const [min, max] = bounds[name];
    if (!/^\d{1,9}$/.test(text) || Number(text) < min || Number(text) > max) {
      throw new Error(`--${name} must be an integer from ${min} to ${max}, not "${text}"`);
    }
    return Number(text);
  };
  return { tickets: count('tickets'), buyers: count('buyers'), concurrency: count('concurrency') };
}
