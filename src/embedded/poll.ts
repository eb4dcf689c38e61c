import { setTimeout as delay } from 'node:timers/promises';

/** Asks every `intervalMs` (default 20) until the answer is true. False when `timeoutMs` passed first. */
export async function becomesTrue(
  condition: () => boolean | Promise<boolean>,
  { timeoutMs, intervalMs = 20 }: { timeoutMs: number; intervalMs?: number },
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) return false;
    await delay(intervalMs);
  }
  return true;
}
