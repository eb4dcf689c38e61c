import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BuyersCommand, BuyersJob, BuyersMessage, BuyersTask } from './buyers.js';
import { readJournal, type JournalRecord } from './journal.js';

const buyers = fileURLToPath(new URL('./buyers.ts', import.meta.url));
const typescript = fileURLToPath(new URL('../../support/typescript.mjs', import.meta.url));
/** How long the last buyers may go on; the payment provider has the longest patience. */
const endTimeoutMs = 180_000;

/** A process of buyers, seen from the runner. */
export class BuyersProcess {
  private readonly child: ChildProcess;
  private accepted = 0;
  private inside = 0;
  private written = false;

  constructor(private readonly job: BuyersJob) {
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

  /** Lets nobody come any more, and waits until the last has gone. @returns the journal. @throws Error when the process died */
  async end(): Promise<JournalRecord> {
    const closed = once(this.child, 'close', { signal: AbortSignal.timeout(endTimeoutMs) });
    this.tell({ end: true });
    await closed;
    if (!this.written) throw new Error('the buyers died, and the journal with them');
    return readJournal(this.job.journalFile);
  }

  /** Has them do something, beside all else. */
  have(task: BuyersTask): void {
    this.tell(task);
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private tell(command: BuyersCommand): void {
    this.child.send(command);
  }
}
