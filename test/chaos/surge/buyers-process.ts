import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BuyersCommand, BuyersJob, BuyersMessage } from './buyers.js';

const buyers = fileURLToPath(new URL('./buyers.ts', import.meta.url));
const typescript = fileURLToPath(new URL('../../support/typescript.mjs', import.meta.url));
/** How long the last buyers may go on. */
const endTimeoutMs = 120_000;

/** The buyers' process, seen from the runner. */
export class BuyersProcess {
  private readonly child: ChildProcess;
  private accepted = 0;
  private inside = 0;
  private written = false;

  constructor(job: BuyersJob) {
    this.child = fork(buyers, { execArgv: ['--import', typescript], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.child.on('message', (message: BuyersMessage) => {
      if ('written' in message) this.written = true;
      else ({ accepted: this.accepted, buyers: this.inside } = message);
    });
    this.tell({ begin: job });
  }

  figures(): string {
    return `${this.accepted} orders accepted, ${this.inside} buyers busy`;
  }

  /** Lets nobody come any more, and waits until the last has gone and the journal is written. @throws Error when the process died */
  async end(): Promise<void> {
    const closed = once(this.child, 'close', { signal: AbortSignal.timeout(endTimeoutMs) });
    this.tell({ end: true });
    await closed;
    if (!this.written) throw new Error('the buyers died, and the journal with them');
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private tell(command: BuyersCommand): void {
    this.child.send(command);
  }
}
