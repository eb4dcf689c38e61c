import type { Answer } from './buyer-client.js';
import type { WaveFigures } from './wave.js';

/** Counts what a crowd hears. */
export class Tally {
  /** ids of all orders that were answered 202 */
  readonly orderIds = new Set<string>();
  private requests = 0;
  private confirmations = 0;
  private unanswered = 0;
  private readonly refused: Record<string, number> = {};
  private readonly unexpected: Record<string, number> = {};
  private startedAt = 0;
  private stoppedAt: number | undefined;

  start(): void {
    this.startedAt = performance.now();
  }

  stop(): void {
    this.stoppedAt = performance.now();
  }

  /** The answer to a purchase request. */
  note(answer: Answer): void {
    this.requests++;
    const { status, code, body } = answer;
    if (status === 202 && body.id !== undefined) this.orderIds.add(body.id);
    else if (status === 409) count(this.refused, code);
    else count(this.unexpected, nameOf(answer));
  }

  confirmed(): void {
    this.confirmations++;
  }

  /** An answer on the way to a confirmation that is none: only `queued` is a matter of course, and a hold may run out. */
  noteConfirmation(answer: Answer): void {
    if (answer.code === 'hold_expired') count(this.refused, answer.code);
    else if (answer.status !== 200) count(this.unexpected, `${nameOf(answer)} to a confirmation`);
  }

  /** A buyer who had no clear answer goes home. */
  gaveUp(): void {
    this.unanswered++;
  }

  figures(): WaveFigures {
    return {
      requests: this.requests,
      accepted: this.orderIds.size,
      confirmed: this.confirmations,
      refused: this.refused,
      unexpected: this.unexpected,
      unanswered: this.unanswered,
      seconds: ((this.stoppedAt ?? performance.now()) - this.startedAt) / 1000,
    };
  }
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function nameOf({ status, code }: Answer): string {
  return status === 0 ? code : `${status} ${code}`.trimEnd();
}
