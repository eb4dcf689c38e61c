/** Resolves once somebody looks at the page. @throws whatever `signal` was aborted with */
export function shown(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const over = new AbortController();
    function look(): void {
      if (document.hidden && !signal.aborted) return;
      over.abort();
      if (signal.aborted) reject(signal.reason as Error);
      else resolve();
    }
    document.addEventListener('visibilitychange', look, { signal: over.signal });
    signal.addEventListener('abort', look, { signal: over.signal });
    look();
  });
}
