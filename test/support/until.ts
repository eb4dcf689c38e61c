import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  /** Default 5 s. */
  readonly timeoutMs?: number;
  /** Default 20 ms. */
  readonly intervalMs?: number;
}

/**
 * Asks until the answer is truthy, and returns it. A condition may also throw, such as a failed `expect`: that counts as not yet.
 * @throws Error when the time is up, with what the condition threw last as its cause
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 5_000, intervalMs = 20 }: UntilOptions = {},
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await condition();
      if (answer) return answer as Exclude<T, false | null | undefined | 0 | ''>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      throw new Error(
        `not within ${String(timeoutMs)} ms: ${condition.toString()}`,
        cause === undefined ? {} : { cause },
      );
    }
    await delay(intervalMs);
  }
}

/** As `until`, for a promise that is told of beside others. @returns a line where it was not kept in time, or nothing */
export async function broken(
  promise: string,
  condition: () => unknown,
  options: UntilOptions & { readonly timeoutMs: number },
): Promise<string[]> {
  try {
    await until(async () => {
      await condition();
      return true;
    }, options);
    return [];
  } catch (error) {
    const { cause } = error as Error;
    return [
      `not within ${options.timeoutMs} ms: ${promise}: ${cause instanceof Error ? cause.message : String(cause)}`,
    ];
  }
}
