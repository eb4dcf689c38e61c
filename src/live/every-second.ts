/** Calls `tick` once a second, `phaseMs` after each full second of the clock. @returns what stops it */
export function everySecondAt(phaseMs: number, tick: () => void): () => void {
  let timer: NodeJS.Timeout;
  const next = (): void => {
    const sinceMs = (Date.now() - phaseMs) % 1000;
    timer = setTimeout(() => {
      next();
      tick();
    }, 1000 - sinceMs);
  };
  next();
  return () => {
    clearTimeout(timer);
  };
}
