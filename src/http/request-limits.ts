import type { FastifyReply, FastifyRequest } from 'fastify';

import type { DomainError } from '../domain/index.js';

/**
 * How many requests are let in: asked twice for each request under /v1, before and after it is known whose it is. Refusals
 * and headers are its own; the room `admission` has the one that is used.
 */
export interface RequestLimits {
  /**
   * What this node alone can refuse, by the address; it takes nothing.
   * @param then called once, with the refusal, at once or a little later, or without, at once
   */
  screen(request: FastifyRequest, reply: FastifyReply, then: (refusal?: DomainError) => void): void;
  /**
   * Counts the request for its address, for all and, where its buyer is known, for the buyer.
   * @param then called once, at once or later, with the refusal or without
   */
  take(request: FastifyRequest, reply: FastifyReply, then: (refusal?: DomainError) => void): void;
}
