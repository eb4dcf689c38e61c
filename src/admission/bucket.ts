import type { RateLimit } from '../config/index.js';

/** What limits: each address, each buyer, or all together. */
export type LimitKind = 'ip' | 'buyer' | 'global';

/** A limit in force. */
export class Policy {
  readonly capacity: number;
  readonly windowMs: number;
  /** tokens that come back in a millisecond */
  readonly perMs: number;
  /** an item of the header `RateLimit-Policy` */
  readonly header: string;

  constructor(
    readonly kind: LimitKind,
    { capacity, windowMs }: RateLimit,
  ) {
    this.capacity = capacity;
    this.windowMs = windowMs;
    this.perMs = capacity / windowMs;
    // the draft knows whole seconds only; a policy may do without its window
    const window = windowMs % 1000 === 0 ? `;w=${windowMs / 1000}` : '';
    this.header = `"${kind}";q=${capacity}${window}`;
  }
}

/** What a fraction of a token is short of by rounding is not short. */
const rounding = 1e-6;

/**
 * What this node knows of one bucket: never less than there is in Redis for it, since others only take from it, so that what
 * is refused by it would be refused there as well. While Redis cannot be asked it is the bucket itself.
 */
export class Bucket {
  private tokens: number;
  private atMs: number;
  /** taken here, and not answered by Redis yet */
  private pending = 0;
  private refused = 0;
  private refusedSinceMs = -Infinity;

  constructor(
    readonly key: string,
    public policy: Policy,
    nowMs: number,
  ) {
    this.tokens = policy.capacity;
    this.atMs = nowMs;
  }

  lacks(cost: number, nowMs: number): boolean {
    return this.left(nowMs) + rounding < cost;
  }

  /** Takes here at once; Redis has to follow, by `answered` or `unanswered`. */
  take(cost: number, nowMs: number): void {
    this.tokens = this.left(nowMs) - cost;
    this.atMs = nowMs;
    this.pending += cost;
  }

  /** Takes whatever is left, as a debt. */
  owe(cost: number, nowMs: number): void {
    this.take(Math.min(cost, Math.max(0, this.left(nowMs) + this.policy.capacity)), nowMs);
  }

  /** Redis had `left` in it after our `cost`, or without it where it refused. @param sinceMs when it was asked */
  answered(cost: number, left: number, sinceMs: number, nowMs: number): void {
    this.pending -= cost;
    const { capacity, perMs } = this.policy;
    this.tokens = Math.min(capacity, left + (nowMs - sinceMs) * perMs) - this.pending;
    this.atMs = nowMs;
  }

  /** Redis did not say: what was taken here stays taken. */
  unanswered(cost: number): void {
    this.pending -= cost;
  }

  /** until there are as many tokens as that; 0: there are */
  waitMs(cost: number, nowMs: number): number {
    return Math.max(0, (cost - rounding - this.left(nowMs)) / this.policy.perMs);
  }

  /** Counts a refusal. @returns how many there were in this second, and half of those of the one before */
  refuse(nowMs: number): number {
    const seconds = Math.floor((nowMs - this.refusedSinceMs) / 1000);
    if (seconds > 0) {
      this.refused = seconds === 1 ? this.refused / 2 : 0;
      this.refusedSinceMs = nowMs;
    }
    return (this.refused += 1);
  }

  /** An item of the header `RateLimit`: whole tokens, and seconds until there is one more. */
  header(nowMs: number): string {
    const whole = Math.max(0, Math.floor(this.left(nowMs) + rounding));
    const seconds = Math.max(1, Math.ceil(this.waitMs(whole + 1, nowMs) / 1000));
    return `"${this.policy.kind}";r=${whole};t=${seconds}`;
  }

  private left(nowMs: number): number {
    const { capacity, perMs } = this.policy;
    return Math.min(capacity, this.tokens + (nowMs - this.atMs) * perMs);
  }
}
