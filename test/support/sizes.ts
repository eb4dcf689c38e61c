/** `LIVENESS=full` runs test/liveness at the sizes that docs/reliability.md speaks of; without it each file takes well under a minute. */
const isFull = process.env['LIVENESS'] === 'full';

/** How large a fault is: as the environment variable of that name says, else full or usual. */
export function sized(variable: string, usual: number, full: number): number {
  const given = process.env[variable];
  return given === undefined ? (isFull ? full : usual) : Number(given);
}

/** Figures for whoever runs the tests. */
export function report(line: string): void {
  process.stdout.write(`liveness: ${line}\n`);
}
