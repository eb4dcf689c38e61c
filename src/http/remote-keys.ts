import { createRemoteJWKSet, errors, jwksCache, customFetch, type JWKSCacheInput, type JWTVerifyGetKey } from 'jose';

import { unavailable } from '../domain/index.js';

export interface KeyTimes {
  readonly timeoutMs: number;
  /** keys that are older are fetched again, in the background */
  readonly refreshMs: number;
  /** an unknown key id has the keys fetched again, but not twice within this time */
  readonly cooldownMs: number;
  /** after a failure, while there are no keys at all */
  readonly retryMs: number;
  /** keys that could not be fetched again for so long are good no more: one of them may have been withdrawn */
  readonly staleMs: number;
}

const usual: KeyTimes = {
  timeoutMs: 2000,
  refreshMs: 600_000,
  cooldownMs: 30_000,
  retryMs: 500,
  staleMs: 86_400_000,
};

/**
 * The public keys of a JWKS for jose: fetched when first needed, refreshed in the background, fetched again for a key id
 * that is unknown (rotation), and kept while their server is away. However many tokens name keys that do not exist, the
 * server is asked once a cooldown.
 * @returns a function that throws jose's JWKSNoMatchingKey and JWKSMultipleMatchingKeys for what is the token's fault, and
 *   DomainError unavailable where the keys cannot be had
 */
export function remoteKeys(url: URL, times: KeyTimes = usual): JWTVerifyGetKey {
  /** jose notes here when it last had the keys, in ms since the epoch */
  const cache: { uat?: number } = {};
  let failedAtMs = -Infinity;

  const pauseMs = (): number => (cache.uat === undefined ? times.retryMs : times.cooldownMs);
  const isPausing = (): boolean => performance.now() - failedAtMs < pauseMs();
  const ageMs = (): number => Date.now() - (cache.uat ?? Date.now());
  const keys = createRemoteJWKSet(url, {
    timeoutDuration: times.timeoutMs,
    cooldownDuration: times.cooldownMs,
    cacheMaxAge: Infinity,
    [jwksCache]: cache as JWKSCacheInput,
    [customFetch]: (...args) => {
      // jose counts its cooldown from the last success
      if (isPausing()) throw new Error('the keys could not be fetched a moment ago');
      return fetch(...args);
    },
  });
  const reload = async (): Promise<void> => {
    try {
      await keys.reload();
    } catch (error) {
      if (!isPausing()) failedAtMs = performance.now();
      throw unavailable(error);
    }
  };

  return async (header, token) => {
    if (ageMs() > times.staleMs) await reload();
    else if (ageMs() > times.refreshMs && !keys.reloading && !isPausing()) void reload().catch(() => undefined);
    try {
      return await keys(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      if (!isPausing()) failedAtMs = performance.now();
      throw unavailable(error);
    }
  };
}
