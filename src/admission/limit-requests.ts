import { Injectable, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';

import { Config, type RateLimit, type RateLimits } from '../config/index.js';
import { DomainError, unavailable } from '../domain/index.js';
import type { RequestLimits } from '../http/index.js';
import { limitKey } from '../redis/index.js';
import { Bucket, type LimitKind, Policy } from './bucket.js';
import { TokenStore } from './token.store.js';

/** Addresses, and as many buyers, that a node remembers; about 350 bytes each. Who falls out is asked of Redis again. */
export const maxRemembered = 50_000;
/** Of one request, whatever it asks for; a purchase of many tickets costs its buyer more, by `chargeTickets`. */
const requestCost = 1;

/** An address or a buyer who is refused more often than this in a second is flooding. */
const floodRefusals = 500;
/**
 * Refusing costs as much as a small request does, and a flood waits for each answer before it asks again: held so long, it
 * cannot ask for all that a node can answer (docs/rate-limits.md has the figures).
 */
const floodHoldMs = 200;
/** Answers held at once; with more, the connection goes. */
const maxHeld = 10_000;

/** Which of the contract's words says what refused. */
type RefusedBy = LimitKind | `local-${LimitKind}`;

interface Policies {
  readonly ip: Policy | null;
  readonly buyer: Policy | null;
  readonly global: Policy | null;
  readonly tiers: ReadonlyMap<string, Policy | null>;
  readonly ticketsPerToken: number | null;
}

/**
 * The limits by address, by buyer and of all, at once: what this node knows to be refused is refused here; the rest is asked
 * of Redis in one call, which takes from all buckets or from none (docs/adr/0014-limits-in-one-call-a-turn.md).
 */
@Injectable()
export class LimitRequests implements RequestLimits {
  private readonly logger = new Logger('RateLimits');
  private readonly addresses = new LRUCache<string, Bucket>({ max: maxRemembered });
  private readonly buyers = new LRUCache<string, Bucket>({ max: maxRemembered });
  private all: Bucket | undefined;
  private held = 0;
  private policies: Policies;

  constructor(
    private readonly config: Config,
    private readonly store: TokenStore,
  ) {
    this.policies = policiesOf(config.rateLimits);
  }

  /** How many buckets this node has in memory. */
  get remembered(): { readonly addresses: number; readonly buyers: number } {
    return { addresses: this.addresses.size, buyers: this.buyers.size };
  }

  /** Reads the limits' file again. A wrong one changes nothing. */
  reload(): void {
    try {
      this.policies = policiesOf(this.config.readRateLimits());
      this.logger.log('limits read again');
    } catch (error) {
      this.logger.error(`RATE_LIMITS_FILE: ${(error as Error).message}; the limits stay as they were`);
    }
  }

  screen(request: FastifyRequest, reply: FastifyReply, then: (refusal?: DomainError) => void): void {
    const nowMs = performance.now();
    const ip = this.bucketOfAddress(request.clientAddress, nowMs);
    const all = this.bucketOfAll(nowMs);
    const lacking = [ip, all].find((bucket) => bucket?.lacks(requestCost, nowMs) === true);
    if (lacking === undefined) then();
    else this.refuse(lacking, true, [ip], reply, then);
  }

  take(request: FastifyRequest, reply: FastifyReply, then: (refusal?: DomainError) => void): void {
    const nowMs = performance.now();
    const ip = this.bucketOfAddress(request.clientAddress, nowMs);
    const all = this.bucketOfAll(nowMs);
    const buyer = request.buyerId === '' ? undefined : this.bucketOfBuyer(request.buyerId, request.buyerTier, nowMs);
    const buckets = [ip, all, buyer].filter((bucket) => bucket !== undefined);
    if (buckets.length === 0) {
      then();
      return;
    }
    const lacking = buckets.find((bucket) => bucket.lacks(requestCost, nowMs));
    if (lacking !== undefined) {
      this.refuse(lacking, true, [ip, buyer], reply, then);
      return;
    }
    for (const bucket of buckets) bucket.take(requestCost, nowMs);
    const settle = (refusedBy: Bucket | null | undefined): void => {
      if (refusedBy) this.refuse(refusedBy, false, [ip, buyer], reply, then);
      else if (refusedBy === undefined && this.config.rateLimitFailureMode === 'closed') {
        then(unavailable(undefined));
      } else {
        describe([ip, buyer], reply, performance.now());
        then();
      }
    };
    this.store.draw({ cost: requestCost, buckets, settle });
  }

  /**
   * Lets the buyer pay for the tickets of an accepted purchase beyond those that the request has paid for. Nobody waits for
   * it, and it refuses nothing: the buyer's next requests come out of what is left.
   */
  chargeTickets(buyerId: string, tickets: number): void {
    const { ticketsPerToken } = this.policies;
    const cost = ticketsPerToken === null ? 0 : tickets / ticketsPerToken - requestCost;
    const bucket = this.buyers.get(buyerId); // just let in by it
    if (cost <= 0 || bucket === undefined) return;
    bucket.owe(cost, performance.now());
    this.store.draw({ cost: -cost, buckets: [bucket], settle: () => undefined });
  }

  /** Answers that it was one too many: at once, or a little later where it is a flood. */
  private refuse(
    by: Bucket,
    locally: boolean,
    buckets: readonly (Bucket | undefined)[],
    reply: FastifyReply,
    then: (refusal: DomainError) => void,
  ): void {
    const nowMs = performance.now();
    const { kind } = by.policy;
    const type: RefusedBy = locally ? `local-${kind}` : kind;
    void reply.header('x-ratelimit-type', type);
    describe(buckets, reply, nowMs);
    const facts = { retryAfterSeconds: Math.ceil(by.waitMs(requestCost, nowMs) / 1000) };
    if (kind === 'global') {
      then(
        new DomainError('overloaded', 'There are too many requests just now. Wait as long as Retry-After says.', facts),
      );
      return;
    }
    const refusal = new DomainError('rate_limited', 'Too many requests. Wait as long as Retry-After says.', facts);
    if (by.refuse(nowMs) <= floodRefusals) {
      then(refusal);
    } else if (this.held >= maxHeld) {
      void reply.header('connection', 'close');
      then(refusal);
    } else {
      this.held += 1;
      setTimeout(() => {
        this.held -= 1;
        then(refusal);
      }, floodHoldMs);
    }
  }

  private bucketOfAddress(address: string, nowMs: number): Bucket | undefined {
    return bucketOf(this.addresses, 'ip', address, this.policies.ip, nowMs);
  }

  private bucketOfBuyer(buyerId: string, tier: string | undefined, nowMs: number): Bucket | undefined {
    const special = tier === undefined ? undefined : this.policies.tiers.get(tier);
    return bucketOf(this.buyers, 'buyer', buyerId, special === undefined ? this.policies.buyer : special, nowMs);
  }

  private bucketOfAll(nowMs: number): Bucket | undefined {
    const { global } = this.policies;
    if (global === null) return undefined;
    this.all ??= new Bucket(limitKey('global'), global, nowMs);
    this.all.policy = global;
    return this.all;
  }
}

function bucketOf(
  known: LRUCache<string, Bucket>,
  kind: 'ip' | 'buyer',
  subject: string,
  policy: Policy | null,
  nowMs: number,
): Bucket | undefined {
  if (policy === null) return undefined;
  let bucket = known.get(subject);
  if (bucket === undefined) known.set(subject, (bucket = new Bucket(limitKey(kind, subject), policy, nowMs)));
  bucket.policy = policy;
  return bucket;
}

/** The headers of the IETF's draft 11. What all together may ask is nobody's business. */
function describe(buckets: readonly (Bucket | undefined)[], reply: FastifyReply, nowMs: number): void {
  let policies = '';
  let states = '';
  for (const bucket of buckets) {
    if (bucket === undefined) continue;
    policies += policies === '' ? bucket.policy.header : `, ${bucket.policy.header}`;
    states += states === '' ? bucket.header(nowMs) : `, ${bucket.header(nowMs)}`;
  }
  if (policies !== '') reply.header('ratelimit-policy', policies).header('ratelimit', states);
}

function policiesOf({ ip, buyer, global, tiers, ticketsPerToken }: RateLimits): Policies {
  const policy = (kind: LimitKind, limit: RateLimit | null): Policy | null => limit && new Policy(kind, limit);
  return {
    ip: policy('ip', ip),
    buyer: policy('buyer', buyer),
    global: policy('global', global),
    tiers: new Map([...tiers].map(([name, limit]) => [name, policy('buyer', limit)])),
    ticketsPerToken,
  };
}
