const plainIntervalMs = 1000;
const terminalIntervalMs = 100;
const eraseLine = '\r\x1b[K';

/** Tells how far the demo is: on a terminal one line that changes in place, elsewhere a line a second. */
export class Progress {
  private readonly isTerminal = process.stdout.isTTY;
  private shownAt = -Infinity;
  private latest: string | undefined;

  /** What is going on just now. Shown often enough, not each time. */
  update(text: string): void {
    this.latest = text;
    const intervalMs = this.isTerminal ? terminalIntervalMs : plainIntervalMs;
    if (performance.now() - this.shownAt < intervalMs) return;
    this.show(text);
  }

  /** Ends what was going on with its last words, which stay. */
  done(text: string): void {
    this.latest = undefined;
    process.stdout.write(`${this.isTerminal ? eraseLine : ''}${text}\n`);
    this.shownAt = -Infinity;
  }

  /** Leaves the line that changes in place, such as for an error. */
  end(): void {
    if (this.latest !== undefined && this.isTerminal) process.stdout.write('\n');
    this.latest = undefined;
  }

  private show(text: string): void {
    this.shownAt = performance.now();
    const width = process.stdout.columns || 80; // some terminals say 0
    process.stdout.write(this.isTerminal ? `${eraseLine}${text.slice(0, width - 1)}` : `${text}\n`);
  }
}
