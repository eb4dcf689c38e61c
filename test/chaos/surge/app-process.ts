import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KeptProcess } from '../../../src/embedded/kept-process.js';
import { logTail, supervise } from '../../../src/embedded/supervise.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const main = join(root, 'dist', 'main.js');
/** SIGTERM gives the application 10 s, each of these 5 s; signal 0 only waits. */
const stopSignals = ['TERM', '0', 'KILL'];
/** What a process says once it listens. */
const listening = ' on http';
/** So much of its log is told of a process that died by itself. */
const lastLines = 8;

/** One process of ours that is started again whenever it ends. */
export class AppProcess extends KeptProcess {
  /** Deaths that nobody caused, after it had been serving: its last words. */
  readonly crashes: string[];
  readonly url: string;
  private readonly logOf: (nth: number) => string;

  /** @param env its whole environment; `PORT` too, so that it comes back where it was */
  constructor(name: string, env: Readonly<Record<string, string | undefined>>, logDir: string) {
    const crashes: string[] = [];
    const logOf = (nth: number): string => join(logDir, `${name}.${nth}.log`);
    super(
      name,
      (nth) => supervise(process.execPath, [main], { stopSignals, logFile: logOf(nth), cwd: root, env }),
      async (nth) => {
        // to find no server when it starts is a reason to end; later nothing is
        const log = await readFile(logOf(nth), 'utf8');
        if (log.includes(listening))
          crashes.push(`${logOf(nth)}: ${log.trimEnd().split('\n').slice(-lastLines).join('\n')}`);
      },
    );
    this.crashes = crashes;
    this.logOf = logOf;
    this.url = `http://127.0.0.1:${env.PORT ?? ''}`;
  }

  /** True once it serves, with both servers behind it. */
  async isReady(): Promise<boolean> {
    const answer = await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(2000) }).catch(() => null);
    await answer?.body?.cancel();
    return answer?.ok === true;
  }

  /** What is known of why it does not serve. */
  async trouble(): Promise<string> {
    const asked = await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(5000) })
      .then((answer) => answer.text())
      .catch(String);
    const said = await logTail(this.logOf(this.starts), lastLines);
    return `${this.name}, process ${this.pid ?? 'none'}, start ${this.starts}: ${asked}\n${said}`;
  }
}
