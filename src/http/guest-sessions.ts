import { randomUUID } from 'node:crypto';

import { Controller, Injectable, Module, Post, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiTags } from '@nestjs/swagger';
import { createSigner } from 'fast-jwt';
import type { FastifyReply } from 'fastify';

import { Config } from '../config/index.js';
import { Access } from './access.js';
import { Text, Timestamp } from './properties.js';
import { Problems } from './openapi.js';
import { refuse } from './refusal.js';

/** Longer than the queue before any sale; a guest who lost his token has lost his orders. */
const lifeMs = 24 * 3_600_000;

class SessionView {
  @Text({ min: 1, max: 4096, description: "a buyer's token, to be sent as Authorization: Bearer" })
  token!: string;

  @Text({ min: 1, max: 255 })
  buyerId!: string;

  @Timestamp()
  expiresAt!: string;
}

/** Makes buyers out of anybody: the way to sell to people who have no account. */
@Injectable()
class GuestSessions {
  private readonly sign: ((claims: object) => string) | undefined;

  constructor({ guestSessions, buyerTokens, buyerAudience, buyerIssuer }: Config) {
    if (!guestSessions || buyerTokens.kind !== 'secret') return;
    this.sign = createSigner({
      key: buyerTokens.secret,
      algorithm: 'HS256',
      ...(buyerAudience === undefined ? {} : { aud: buyerAudience }),
      ...(buyerIssuer === undefined ? {} : { iss: buyerIssuer }),
    });
  }

  /** A new buyer and his token. @throws DomainError not_found where guests are not let in */
  begin(): SessionView {
    if (this.sign === undefined) throw refuse('not_found');
    const buyerId = `guest-${randomUUID()}`;
    // a token counts in seconds
    const expiresAt = new Date(Math.floor((Date.now() + lifeMs) / 1000) * 1000);
    const token = this.sign({ sub: buyerId, exp: expiresAt.getTime() / 1000 });
    return { token, buyerId, expiresAt: expiresAt.toISOString() };
  }
}

@ApiTags('sessions')
@Controller('v1/sessions')
class SessionsController {
  constructor(private readonly sessions: GuestSessions) {}

  @Post()
  @Access('public')
  @ApiCreatedResponse({ type: SessionView, description: 'an anonymous buyer' })
  @Problems('not_found')
  begin(@Res({ passthrough: true }) reply: FastifyReply): SessionView {
    void reply.header('cache-control', 'no-store');
    return this.sessions.begin();
  }
}

@Module({ controllers: [SessionsController], providers: [GuestSessions] })
export class SessionsApiModule {}
