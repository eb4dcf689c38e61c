/** Begins something so many times a second, whatever became of the last. @returns ends it; resolves when all that was begun is through */
export function repeatedly(perSecond: number, work: (n: number) => Promise<unknown>): () => Promise<void> {
  const begun: Promise<unknown>[] = [];
  const timer = setInterval(() => begun.push(work(begun.length)), 1000 / perSecond);
  return async () => {
    clearInterval(timer);
    await Promise.all(begun);
  };
}
