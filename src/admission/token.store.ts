import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Cluster, Redis } from 'ioredis';

import { RedisServer, runScript } from '../redis/index.js';
import type { Bucket, Policy } from './bucket.js';
import { takeTokens, type TakenTokens, type TakeTokensInput } from './take-tokens.script.js';

/** What a request wants to take, from all of the buckets or from none. */
export interface Draw {
  /** below 0: a debt, taken whatever is left */
  readonly cost: number;
  readonly buckets: readonly Bucket[];
  /** @param refusedBy null: it was taken; undefined: Redis did not say */
  settle(refusedBy: Bucket | null | undefined): void;
}

/** A Redis that says nothing for so long is not waited for: nobody is to notice that it limits. */
const patienceMs = 500;
/** While Redis is away it is asked so often whether it is back, and no request waits for it. */
const probeIntervalMs = 1000;
/** Draws in one call. Of three buckets each, they keep the script under a millisecond. */
const maxDraws = 256;

/**
 * The buckets of the fleet, in Redis. The draws of one event-loop turn go in one call, over a connection of its own: the more
 * requests there are, the less of a call each costs.
 */
@Injectable()
export class TokenStore implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('RateLimits');
  private readonly client: Redis | Cluster;
  private waiting: Draw[] = [];
  private down = true;
  private hasBeenDown = false;
  private probe: NodeJS.Timeout | undefined;

  constructor(redis: RedisServer) {
    this.client = redis.apart();
    this.client.on('ready', () => void this.tryAgain());
  }

  async onModuleInit(): Promise<void> {
    // a Cluster that is down neither connects nor fails; RedisServer logs what is wrong
    await inTime(this.client.connect()).catch(() => undefined);
    await this.tryAgain();
  }

  onApplicationShutdown(): void {
    clearTimeout(this.probe);
    this.client.disconnect();
  }

  /** Sends the draw with all others of this turn; its buckets must have been taken from. */
  draw(draw: Draw): void {
    if (this.down) {
      settleUnanswered([draw]);
      return;
    }
    if (this.waiting.push(draw) === 1) setImmediate(() => void this.send());
  }

  private async send(): Promise<void> {
    const draws = this.waiting.splice(0, maxDraws);
    if (this.waiting.length > 0) setImmediate(() => void this.send());
    if (this.down) {
      settleUnanswered(draws);
      return;
    }
    const { keys, input } = asInput(draws);
    const sinceMs = performance.now();
    const taken = await this.answer(runScript(this.client, takeTokens, '', [JSON.stringify(input)], keys));
    if (taken === undefined) settleUnanswered(draws);
    else settleAnswered(draws, input, taken, sinceMs);
  }

  /** The answer; undefined: none came in time, and nobody is to wait for the next. */
  private async answer<T>(asked: Promise<T>): Promise<T | undefined> {
    try {
      return await inTime(asked);
    } catch (error) {
      if (!this.down) this.logger.warn(`Redis cannot be asked for limits: ${(error as Error).message}`);
      this.hasBeenDown ||= !this.down;
      this.down = true;
      clearTimeout(this.probe);
      this.probe = setTimeout(() => void this.tryAgain(), probeIntervalMs).unref();
      return undefined;
    }
  }

  private async tryAgain(): Promise<void> {
    if (!this.down || (await this.answer(this.client.ping())) === undefined) return;
    clearTimeout(this.probe);
    if (this.hasBeenDown) this.logger.log('Redis is asked for limits again');
    this.hasBeenDown = false;
    this.down = false;
  }
}

/** @throws Error when it takes too long */
function inTime<T>(asked: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => {
      reject(new Error(`no answer in ${patienceMs} ms`));
    };
    // a busy process comes to its timers first: an answer may be there, unread
    const timer = setTimeout(() => setImmediate(() => setImmediate(late)), patienceMs);
    asked.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}

interface Places {
  readonly keys: string[];
  readonly input: TakeTokensInput;
}

/** The draws as the script wants them: each bucket and each policy named once. */
function asInput(draws: readonly Draw[]): Places {
  const keys: string[] = [];
  const places = new Map<string, number>();
  const policyPlaces = new Map<Policy, number>();
  const policies: [number, number][] = [];
  const buckets: number[] = [];

  const placeOf = ({ key, policy }: Bucket): number => {
    const known = places.get(key);
    if (known !== undefined) return known;
    let policyPlace = policyPlaces.get(policy);
    if (policyPlace === undefined) {
      policyPlace = policies.push([policy.capacity, policy.windowMs]);
      policyPlaces.set(policy, policyPlace);
    }
    buckets.push(policyPlace);
    const place = keys.push(key);
    places.set(key, place);
    return place;
  };
  return { keys, input: { policies, buckets, draws: draws.map((draw) => [draw.cost, ...draw.buckets.map(placeOf)]) } };
}

function settleAnswered(
  draws: readonly Draw[],
  input: TakeTokensInput,
  { refusedBy, left }: TakenTokens,
  sinceMs: number,
): void {
  const nowMs = performance.now();
  draws.forEach(({ cost, buckets }, d) => {
    const places = input.draws[d] ?? [];
    buckets.forEach((bucket, b) => {
      bucket.answered(Math.abs(cost), left[(places[b + 1] ?? 0) - 1] ?? 0, sinceMs, nowMs);
    });
  });
  // every bucket knows all of the answer before any request goes on
  draws.forEach((draw, d) => {
    draw.settle(draw.buckets[(refusedBy[d] ?? 0) - 1] ?? null);
  });
}

function settleUnanswered(draws: readonly Draw[]): void {
  for (const draw of draws) {
    for (const bucket of draw.buckets) bucket.unanswered(Math.abs(draw.cost));
    draw.settle(undefined);
  }
}
