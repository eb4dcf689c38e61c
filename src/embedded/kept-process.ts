import { setTimeout as delay } from 'node:timers/promises';

/** What an orchestrator waits before it starts a process again that ended by itself. */
const restartAfterMs = 500;

/** A process that has been started. */
export interface Started {
  readonly pid: number;
  /** Resolves when it is gone, whatever ended it. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** A process that is started again whenever it ends, as an orchestrator does. It ends with this process. */
export class KeptProcess {
  starts = 0;
  private current: Started | undefined;
  private isUp = false;
  private downMs: number | undefined;
  private stopping = false;
  private readonly running: Promise<void>;

  /** @param start starts it for the n-th time, where it was before; one that fails is tried again */
  constructor(
    readonly name: string,
    private readonly start: (nth: number) => Promise<Started>,
    /** told when it ended though nobody asked it to */
    private readonly onUnasked: (nth: number, error?: unknown) => void | Promise<void> = () => undefined,
  ) {
    this.running = this.keepRunning();
  }

  /** Undefined: it does not run just now. */
  get pid(): number | undefined {
    return this.isUp ? this.current?.pid : undefined;
  }

  /** Sends it a signal. False: it does not run just now. */
  signal(signal: NodeJS.Signals): boolean {
    if (this.pid === undefined) return false;
    process.kill(this.pid, signal);
    return true;
  }

  /** Ends it by a signal; it is back after so many ms. Resolves when it has been started again. */
  async end(signal: 'SIGKILL' | 'SIGTERM', downMs: number): Promise<void> {
    const { starts } = this;
    if (!this.signal(signal)) return;
    this.downMs = downMs;
    while (!(this.isUp && this.starts > starts) && !this.stopping) await delay(20);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.signal('SIGCONT');
    await this.current?.stop();
    await this.running;
  }

  private async keepRunning(): Promise<void> {
    const stopped = (): boolean => this.stopping;
    while (!stopped()) {
      this.starts++;
      const failure = await this.runOnce();
      if (stopped()) return;
      const { downMs } = this;
      this.downMs = undefined;
      if (downMs === undefined) await this.onUnasked(this.starts, failure);
      await delay(downMs ?? restartAfterMs);
    }
  }

  /** @returns why it did not start */
  private async runOnce(): Promise<unknown> {
    try {
      this.current = await this.start(this.starts);
    } catch (error) {
      return error;
    }
    this.isUp = true;
    if (this.stopping) await this.current.stop(); // told so while it started
    await this.current.ended;
    this.isUp = false;
    return undefined;
  }
}
