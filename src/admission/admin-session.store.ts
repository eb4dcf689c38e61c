import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { AdminSessions } from '../http/index.js';
import { adminSessionKey, RedisServer } from '../redis/index.js';

/** A working day. */
export const sessionSeconds = 8 * 3600;
const tokenBytes = 32;

/**
 * Sessions of administrators' browsers, in Redis, so that any node knows them. Neither token nor key stands there, only their digests:
 * who reads them can do nothing with them. A session is worth what its key is, and ends with it.
 */
@Injectable()
export class AdminSessionStore implements AdminSessions {
  constructor(private readonly redis: RedisServer) {}

  /** @returns its token. @throws DomainError `unavailable` */
  async begin(keyDigest: Buffer): Promise<string> {
    const token = randomBytes(tokenBytes).toString('base64url');
    await this.redis.call((client) => client.set(keyOf(token), keyDigest.toString('hex'), 'EX', sessionSeconds));
    return token;
  }

  async find(token: string): Promise<Buffer | undefined> {
    const digest = await this.redis.call((client) => client.get(keyOf(token)));
    return digest === null ? undefined : Buffer.from(digest, 'hex');
  }

  /** @throws DomainError `unavailable` */
  async end(token: string): Promise<void> {
    await this.redis.call((client) => client.del(keyOf(token)));
  }
}

function keyOf(token: string): string {
  return adminSessionKey(createHash('sha256').update(token).digest('hex'));
}
