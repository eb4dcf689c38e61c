import { builtin } from './registry.js';

interface CheckCount {
  readonly name: string;
  passes: number;
  fails: number;
}

/** By name, as the summary lists them. */
export const checks = new Map<string, CheckCount>();

export function countCheck(name: string, passed: boolean): void {
  const count = checks.get(name) ?? { name, passes: 0, fails: 0 };
  checks.set(name, count);
  if (passed) count.passes += 1;
  else count.fails += 1;
  builtin.checks.add(passed);
}
