/**
 * Figures that are read when somebody asks, at most once in a while however many ask. A read that fails or takes too long
 * gives nothing: whoever asks must not fail or wait because a server is away.
 */
export class LazyFigures<T> {
  private last: { readonly figures: Promise<T | undefined>; readonly untilMs: number } | undefined;

  constructor(
    private readonly read: () => T | Promise<T>,
    private readonly freshMs: number,
    private readonly deadlineMs: number,
  ) {}

  get(): Promise<T | undefined> {
    const nowMs = performance.now();
    if (this.last === undefined || nowMs >= this.last.untilMs) {
      this.last = { figures: this.ask(), untilMs: nowMs + this.freshMs };
    }
    return this.last.figures;
  }

  private async ask(): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, this.deadlineMs, undefined);
    });
    try {
      return await Promise.race([this.read(), deadline]);
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}
