import { serverNow } from './clock.js';
import { Refusal, type RefusalCode } from './http.js';

/** Why nothing happens at the moment, and when the next try is, by the server's clock. */
export interface Waiting {
  readonly code: RefusalCode;
  readonly untilMs: number;
}

const longestBackoffMs = 10_000;
/** Everybody was told the same second. */
const jitterMs = 400;

/**
 * Tries until there is an answer that counts: waits as `Retry-After` says, or a little longer each time.
 * The attempt must be safe to repeat. @throws Refusal that no waiting helps; whatever `signal` was aborted with
 */
export async function patiently<T>(
  attempt: () => Promise<T>,
  { signal, onWait }: { signal: AbortSignal; onWait?: (waiting: Waiting | null) => void },
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      const answer = await attempt();
      onWait?.(null);
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Refusal) || !error.isTemporary) {
        onWait?.(null);
        throw error;
      }
      const ms = error.retryAfterMs ?? Math.min(longestBackoffMs, 1000 * 2 ** tries);
      onWait?.({ code: error.code, untilMs: serverNow() + ms });
      await pause(ms + Math.random() * jitterMs, signal, error.code === 'network' ? 'online' : undefined);
    }
  }
}

/** Resolves after so long, or at `event` of the window. @throws whatever `signal` was aborted with */
export function pause(ms: number, signal: AbortSignal, event?: 'online'): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const over = new AbortController();
    const timer = setTimeout(end, ms);
    function end(): void {
      clearTimeout(timer);
      over.abort();
      if (signal.aborted) reject(signal.reason as Error);
      else resolve();
    }
    signal.addEventListener('abort', end, { signal: over.signal });
    if (event !== undefined) addEventListener(event, end, { signal: over.signal });
  });
}
