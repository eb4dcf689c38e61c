import { createVerifier } from 'fast-jwt';
import { createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';

import type { Config } from '../config/index.js';
import { DomainError, unavailable } from '../domain/index.js';
import { isStorableText } from './json-body.js';
import { refuse } from './refusal.js';

const clockToleranceSeconds = 30;
/** Tokens that were verified and have not expired; kept by their hash. A buyer who polls is verified once. */
const maxCachedTokens = 20_000;
const jwksTimeoutMs = 2000;
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

/** The verifier that the configuration asks for. */
export function createTokenVerifier(options: TokenOptions): TokenVerifier {
  const { buyerTokens } = options;
  return buyerTokens.kind === 'secret'
    ? new SecretTokenVerifier(buyerTokens.secret, options)
    : new JwksTokenVerifier(new URL(buyerTokens.url), options);
}

/** HS256 with a shared secret; synchronous, 13 µs a token. */
class SecretTokenVerifier implements TokenVerifier {
  private readonly claimsOf: (token: string) => unknown;

  constructor(secret: string, { buyerAudience, buyerIssuer }: TokenOptions) {
    this.claimsOf = createVerifier({
      key: secret,
      algorithms: ['HS256'],
      clockTolerance: clockToleranceSeconds * 1000,
      cache: maxCachedTokens,
      // fast-jwt checks a claim only where it is there
      requiredClaims: [
        'sub',
        ...(buyerAudience === undefined ? [] : ['aud']),
        ...(buyerIssuer === undefined ? [] : ['iss']),
      ],
      ...(buyerAudience === undefined ? {} : { allowedAud: buyerAudience }),
      ...(buyerIssuer === undefined ? {} : { allowedIss: buyerIssuer }),
    });
  }

  verify(token: string): TokenBuyer {
    let claims: unknown;
    try {
      claims = this.claimsOf(token);
    } catch {
      throw refuse('unauthenticated');
    }
    return buyerOf(claims);
  }
}

/** RS256, ES256 or EdDSA with the keys of a JWKS, which are fetched when first needed and kept for ten minutes. */
class JwksTokenVerifier implements TokenVerifier {
  private readonly keyOf: JWTVerifyGetKey;

  constructor(
    url: URL,
    private readonly options: TokenOptions,
  ) {
    const keys = createRemoteJWKSet(url, { timeoutDuration: jwksTimeoutMs });
    this.keyOf = async (header, token) => {
      try {
        return await keys(header, token);
      } catch (error) {
        // there is no such key, or there are several: the token's fault
        if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
        throw unavailable(error);
      }
    };
  }

  async verify(token: string): Promise<TokenBuyer> {
    const { buyerAudience, buyerIssuer } = this.options;
    try {
      const { payload } = await jwtVerify(token, this.keyOf, {
        algorithms: ['RS256', 'ES256', 'EdDSA'],
        clockTolerance: clockToleranceSeconds,
        ...(buyerAudience === undefined ? {} : { audience: buyerAudience }),
        ...(buyerIssuer === undefined ? {} : { issuer: buyerIssuer }),
      });
      return buyerOf(payload);
    } catch (error) {
      if (error instanceof DomainError) throw error;
      throw refuse('unauthenticated');
    }
  }
}

function buyerOf(claims: unknown): TokenBuyer {
  const { sub, tier } = claims as { sub?: unknown; tier?: unknown };
  if (typeof sub !== 'string' || sub.length === 0 || isTooLong(sub) || !isStorableText(sub)) {
    throw refuse('unauthenticated');
  }
  return { id: sub, tier: typeof tier === 'string' ? tier : undefined };
}

/** Counts code points, as everywhere. */
function isTooLong(subject: string): boolean {
  return subject.length > maxSubjectLength && Array.from(subject).length > maxSubjectLength;
}
