import type { FastifyRequest } from 'fastify';

import type { AdminKey, AdminRole, Config } from '../config/index.js';
import { DomainError } from '../domain/index.js';
import { type AdminSessions, isFromElsewhere, sessionTokenOf } from './admin-cookie.js';
import { type Admin, digestOf, findAdmin, mayActAs } from './admin-keys.js';
import { createTokenVerifier, type TokenBuyer, type TokenVerifier } from './buyer-tokens.js';
import { countOf } from './raw-headers.js';
import { refuse } from './refusal.js';
import { type BodyCheck, bodyCheck } from './signatures.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** the buyer whose token came with the request; empty on routes that are not a buyer's */
    buyerId: string;
    /** the claim `tier` of that token */
    buyerTier: string | undefined;
    /** the administrator whose key came with the request; null on other routes */
    admin: Admin | null;
    /** what the bytes of the body have to pass yet; null: nothing */
    bodyCheck: BodyCheck | null;
  }
}

/** Who may call a route: anyone, a buyer, who signs its body, or an administrator with at least this role. */
export type Access = 'public' | 'buyer' | 'signature' | AdminRole;

/** undefined: no administrator's browser has a session. */
export type SessionsOf = () => AdminSessions | undefined;

/** What of the configuration says who is who. */
export type Identities = Pick<
  Config,
  'adminKeys' | 'buyerTokens' | 'buyerAudience' | 'buyerIssuer' | 'paymentWebhookSecret'
>;

/** Finds out who makes a request, from its headers alone: before the body is read. */
export class Authentication {
  private readonly adminKeys: readonly AdminKey[];
  private readonly tokens: TokenVerifier;
  private readonly webhookSecret: string | undefined;

  constructor(
    config: Identities,
    private readonly sessionsOf: SessionsOf,
  ) {
    this.adminKeys = config.adminKeys;
    this.webhookSecret = config.paymentWebhookSecret;
    this.tokens = createTokenVerifier(config);
  }

  /**
   * Lets the request in and notes whose it is, at once or, where a token's keys or a session must be fetched, later.
   * @throws DomainError unauthenticated, forbidden, not_found, unavailable (or the promise rejects with it)
   */
  admit(access: Access, request: FastifyRequest): Promise<void> | undefined {
    if (access === 'public') return undefined;
    if (access === 'signature') {
      if (this.webhookSecret === undefined) throw refuse('not_found');
      request.bodyCheck = bodyCheck(request.raw.headers['sluice-signature'], this.webhookSecret);
      return undefined;
    }
    if (access === 'buyer') return this.admitBuyer(bearerOf(request), request);
    const session = request.raw.headers.authorization === undefined ? sessionTokenOf(request) : undefined;
    if (session !== undefined) return this.admitSession(session, access, request);
    this.admitAdmin(digestOf(bearerOf(request)), access, request);
    return undefined;
  }

  private async admitSession(token: string, access: AdminRole, request: FastifyRequest): Promise<void> {
    if (isFromElsewhere(request))
      throw new DomainError('forbidden', 'A session changes things from its own pages only.');
    const digest = await this.sessionsOf()?.find(token);
    if (digest === undefined) throw refuse('unauthenticated');
    this.admitAdmin(digest, access, request);
  }

  private admitAdmin(keyDigest: Buffer, access: AdminRole, request: FastifyRequest): void {
    const admin = findAdmin(this.adminKeys, keyDigest);
    if (admin === undefined) throw refuse('unauthenticated');
    if (!mayActAs(admin.role, access)) {
      throw new DomainError('forbidden', `This needs the role ${access}; this key has the role ${admin.role}.`);
    }
    request.admin = admin;
  }

  private admitBuyer(token: string, request: FastifyRequest): Promise<void> | undefined {
    const buyer = this.tokens.verify(token);
    if (!(buyer instanceof Promise)) {
      note(request, buyer);
      return undefined;
    }
    return buyer.then((found) => {
      note(request, found);
    });
  }
}

function note(request: FastifyRequest, { id, tier }: TokenBuyer): void {
  request.buyerId = id;
  request.buyerTier = tier;
}

const bearer = /^bearer +([\x21-\x7e]+)$/i;

/** The credentials of the one `Authorization` header. */
function bearerOf(request: FastifyRequest): string {
  const { headers, rawHeaders } = request.raw;
  const credentials = bearer.exec(headers.authorization ?? '')?.[1];
  if (credentials === undefined || countOf('authorization', rawHeaders) !== 1) throw refuse('unauthenticated');
  return credentials;
}
