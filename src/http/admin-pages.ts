import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { Authentication } from './authentication.js';
import { refuse } from './refusal.js';
import { admitted, limited, type LimitsOf } from './routes.js';
import { docsHeaders } from './security-headers.js';

/** What a page, or one of its files, is. */
export interface PageFile {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/**
 * Serves pages for administrators at a path outside /v1 and below it, GET and HEAD only, to whoever may act as a viewer: the same
 * function admits them as admits to /v1/admin. A page may run its own scripts and load nothing from elsewhere. What it does not
 * have is 404 here, whatever it says itself.
 */
export function serveAdminPages(
  instance: FastifyInstance,
  authentication: Authentication,
  limitsOf: LimitsOf,
  path: string,
  read: (target: string) => Promise<PageFile>,
): void {
  const onRequest = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    reply.headers(docsHeaders).header('cache-control', 'no-store');
    limited(limitsOf(), request, reply, done, (proceed) => {
      admitted(authentication, 'viewer', request, proceed);
    });
  };
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<Buffer> => {
    const { status, contentType, body } = await read(request.raw.url ?? path);
    if (status >= 500) throw new Error(`the page ${path} failed`);
    if (status >= 400) throw refuse('not_found');
    void reply.code(status).header('content-type', contentType);
    return body;
  };
  for (const url of [path, `${path}/*`]) instance.route({ method: 'GET', url, onRequest, handler });
}
