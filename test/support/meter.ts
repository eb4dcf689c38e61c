import type { Answer } from './api-client.js';

/** Durations in ms and, by what was answered instead, how often it was refused. */
export interface Figures {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly refused: Readonly<Record<string, number>>;
}

/** Times requests of one kind. */
export class Meter {
  private readonly times: number[] = [];
  private readonly refused = new Map<string, number>();

  /** Times an answer, and counts one of another status as refused. @returns the answer; null: there was none */
  async time(status: number, request: () => Promise<Answer>): Promise<Answer | null> {
    const startedAt = performance.now();
    try {
      const answer = await request();
      if (answer.status !== status) this.refuse(`${answer.status} ${answer.body.code}`);
      return answer;
    } catch (error) {
      this.refuse(error instanceof Error ? error.message : String(error));
      return null;
    } finally {
      this.add(performance.now() - startedAt);
    }
  }

  add(ms: number): void {
    this.times.push(ms);
  }

  refuse(why: string): void {
    this.refused.set(why, (this.refused.get(why) ?? 0) + 1);
  }

  figures(): Figures {
    const sorted = this.times.toSorted((a, b) => a - b);
    const at = (share: number): number => Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
    return {
      count: sorted.length,
      p50: at(0.5),
      p99: at(0.99),
      max: at(1),
      refused: Object.fromEntries(this.refused),
    };
  }
}

/** One line for whoever reads of it. */
export function told({ count, p50, p99, max, refused }: Figures): string {
  const refusals = Object.entries(refused).map(([why, times]) => `, ${times} × ${why}`);
  return `${count} answers, p50 ${p50} ms, p99 ${p99} ms, max ${max} ms${refusals.join('')}`;
}

/** A line where an answer took longer than it may. */
export function tooSlow(name: string, figures: Figures, boundMs: number): string[] {
  return figures.max < boundMs ? [] : [`${name} took longer than ${boundMs} ms: ${told(figures)}`];
}
