import { percentile } from '../report/result.js';
import type { Bucket, GeneratorResult } from './generator-job.js';

/** Counts answers and remembers how long each took. */
export class Tally {
  private readonly answers: Record<string, number> = {};
  private readonly endedAt: number[] = [];
  private readonly tookMs: number[] = [];

  note(status: number, endedAt: number, tookMs: number): void {
    this.answers[status] = (this.answers[status] ?? 0) + 1;
    this.endedAt.push(endedAt);
    this.tookMs.push(tookMs);
  }

  /** @param startedAt of the first request, by `performance.now()` */
  result(startedAt: number, bucketMs: number): GeneratorResult {
    const sorted = Float64Array.from(this.tookMs).sort();
    const lastMs = (this.endedAt.at(-1) ?? startedAt) - startedAt;
    return {
      startedAt: performance.timeOrigin + startedAt,
      requests: this.tookMs.length,
      seconds: lastMs / 1000,
      answers: this.answers,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      buckets: this.buckets(startedAt, lastMs, bucketMs),
    };
  }

  /** Whole buckets only: the rest of the last one would look like a slump. */
  private buckets(startedAt: number, lastMs: number, bucketMs: number): Bucket[] {
    const tooks = Array.from({ length: Math.floor(lastMs / bucketMs) }, (): number[] => []);
    this.endedAt.forEach((endedAt, i) =>
      tooks[Math.floor((endedAt - startedAt) / bucketMs)]?.push(this.tookMs[i] ?? NaN),
    );
    return tooks.map((took, i) => {
      const sorted = Float64Array.from(took).sort();
      return {
        atMs: i * bucketMs,
        requests: took.length,
        p50Ms: percentile(sorted, 0.5),
        p99Ms: percentile(sorted, 0.99),
      };
    });
  }
}
