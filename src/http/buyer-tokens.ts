import { hash } from 'node:crypto';

import { createVerifier } from 'fast-jwt';
import { jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';

import type { Config } from '../config/index.js';
import { DomainError } from '../domain/index.js';
import { isStorableText } from './body-parser.js';
import { refuse } from './refusal.js';
import { remoteKeys } from './remote-keys.js';

const clockToleranceSeconds = 30;
const maxCachedTokens = 20_000;
/** A key that was taken out of the JWKS is good for so much longer. */
const maxCachedMs = 600_000;
const maxSubjectLength = 255;

/** Whose a token is. */
export interface TokenBuyer {
  /** the token's `sub` */
  readonly id: string;
  /** its claim `tier`, which selects limits; undefined: it has none that is a text */
  readonly tier: string | undefined;
}

/** Tells whose token it is. */
export interface TokenVerifier {
  /** @throws DomainError unauthenticated; unavailable when the keys cannot be had */
  verify(token: string): TokenBuyer | Promise<TokenBuyer>;
}

type TokenOptions = Pick<Config, 'buyerTokens' | 'buyerAudience' | 'buyerIssuer'>;

/** A token that was verified. */
interface Verified {
  readonly buyer: TokenBuyer;
  /** seconds since 1970; undefined: never */
  readonly exp: number | undefined;
}

/** The verifier that the configuration asks for. */
export function createTokenVerifier(options: TokenOptions): TokenVerifier {
  const { buyerTokens } = options;
  return new CachingVerifier(
    buyerTokens.kind === 'secret'
      ? secretVerifier(buyerTokens.secret, options)
      : jwksVerifier(new URL(buyerTokens.url), options),
  );
}

/** Remembers tokens until they expire, by their hash: a buyer who polls is verified once. */
class CachingVerifier implements TokenVerifier {
  private readonly known = new LRUCache<string, Verified>({ max: maxCachedTokens, ttl: maxCachedMs });

  constructor(private readonly read: (token: string) => Verified | Promise<Verified>) {}

  verify(token: string): TokenBuyer | Promise<TokenBuyer> {
    const digest = hash('sha256', token, 'base64');
    const known = this.known.get(digest);
    if (known !== undefined && !isOver(known)) return known.buyer;
    const verified = this.read(token);
    return verified instanceof Promise
      ? verified.then((later) => this.keep(digest, later))
      : this.keep(digest, verified);
  }

  private keep(digest: string, verified: Verified): TokenBuyer {
    this.known.set(digest, verified);
    return verified.buyer;
  }
}

function isOver({ exp }: Verified): boolean {
  return exp !== undefined && Date.now() >= (exp + clockToleranceSeconds) * 1000;
}

/** HS256 with a shared secret; synchronous, 13 µs a token. */
function secretVerifier(secret: string, { buyerAudience, buyerIssuer }: TokenOptions): (token: string) => Verified {
  const claimsOf = createVerifier({
    key: secret,
    algorithms: ['HS256'],
    clockTolerance: clockToleranceSeconds * 1000,
    // fast-jwt checks a claim only where it is there
    requiredClaims: [
      'sub',
      ...(buyerAudience === undefined ? [] : ['aud']),
      ...(buyerIssuer === undefined ? [] : ['iss']),
    ],
    ...(buyerAudience === undefined ? {} : { allowedAud: buyerAudience }),
    ...(buyerIssuer === undefined ? {} : { allowedIss: buyerIssuer }),
  });
  return (token) => {
    let claims: unknown;
    try {
      claims = claimsOf(token);
    } catch {
      throw refuse('unauthenticated');
    }
    return verified(claims);
  };
}

/** RS256, ES256 or EdDSA with the keys of a JWKS. */
function jwksVerifier(url: URL, { buyerAudience, buyerIssuer }: TokenOptions): (token: string) => Promise<Verified> {
  const keyOf = remoteKeys(url);
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keyOf, {
        algorithms: ['RS256', 'ES256', 'EdDSA'],
        clockTolerance: clockToleranceSeconds,
        ...(buyerAudience === undefined ? {} : { audience: buyerAudience }),
        ...(buyerIssuer === undefined ? {} : { issuer: buyerIssuer }),
      });
      return verified(payload);
    } catch (error) {
      if (error instanceof DomainError) throw error;
      throw refuse('unauthenticated');
    }
  };
}

function verified(claims: unknown): Verified {
  const { sub, tier, exp } = claims as { sub?: unknown; tier?: unknown; exp?: number };
  if (typeof sub !== 'string' || sub.length === 0 || isTooLong(sub) || !isStorableText(sub)) {
    throw refuse('unauthenticated');
  }
  return { buyer: { id: sub, tier: typeof tier === 'string' ? tier : undefined }, exp };
}

/** Counts code points, as everywhere. */
function isTooLong(subject: string): boolean {
  return subject.length > maxSubjectLength && Array.from(subject).length > maxSubjectLength;
}
