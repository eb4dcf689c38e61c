import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { supervise, type Supervised } from '../../../src/embedded/supervise.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const main = join(root, 'dist', 'main.js');
/** SIGTERM gives the application 10 s, each of these 5 s; signal 0 only waits. */
const stopSignals = ['TERM', '0', 'KILL'];
/** What an orchestrator waits before it starts a process again that ended by itself. */
const restartAfterMs = 500;
/** What a process says once it listens. */
const listening = ' on http';
/** So much of its log is told of a process that died by itself. */
const lastLines = 8;

/** One process of ours that is started again whenever it ends, as an orchestrator does. It ends with this process. */
export class AppProcess {
  /** Deaths that nobody caused, after it had been serving: its last words. */
  readonly crashes: string[] = [];
  starts = 0;
  private current: Supervised | undefined;
  private downMs: number | undefined;
  private stopping = false;
  private readonly running: Promise<void>;

  /** @param env its whole environment; `PORT` too, so that it comes back where it was */
  constructor(
    readonly name: string,
    private readonly env: Readonly<Record<string, string | undefined>>,
    private readonly logDir: string,
  ) {
    this.running = this.keepRunning();
  }

  get url(): string {
    return `http://127.0.0.1:${this.env.PORT ?? ''}`;
  }

  /** undefined: it does not run just now */
  get pid(): number | undefined {
    return this.current?.hasEnded() === false ? this.current.pid : undefined;
  }

  /** Sends it a signal. False: it does not run just now. */
  signal(signal: NodeJS.Signals): boolean {
    if (this.current === undefined || this.current.hasEnded()) return false;
    process.kill(this.current.pid, signal);
    return true;
  }

  /** Ends it by a signal; it is back after so many ms. Resolves when it has been started again. */
  async end(signal: 'SIGKILL' | 'SIGTERM', downMs: number): Promise<void> {
    const { starts } = this;
    if (!this.signal(signal)) return;
    this.downMs = downMs;
    while (this.starts === starts && !this.stopping) await delay(20);
  }

  /** True once it serves, with both servers behind it. */
  async isReady(): Promise<boolean> {
    const answer = await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(2000) }).catch(() => null);
    await answer?.body?.cancel();
    return answer?.ok === true;
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
      const logFile = join(this.logDir, `${this.name}.${this.starts}.log`);
      this.current = await supervise(process.execPath, [main], { stopSignals, logFile, cwd: root, env: this.env });
      await this.current.ended;
      if (stopped()) return;
      const { downMs } = this;
      this.downMs = undefined;
      if (downMs === undefined) await this.noteEnd(logFile);
      await delay(downMs ?? restartAfterMs);
    }
  }

  /** To find no server when it starts is a reason to end; later nothing is. */
  private async noteEnd(logFile: string): Promise<void> {
    const log = await readFile(logFile, 'utf8');
    if (log.includes(listening))
      this.crashes.push(`${logFile}: ${log.trimEnd().split('\n').slice(-lastLines).join('\n')}`);
  }
}
