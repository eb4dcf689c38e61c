import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** A session of an administrator's browser; the room `admission` has the one that is used. */
export interface AdminSessions {
  /** The digest of the key that the session began with; undefined: there is no such session. @throws DomainError `unavailable` */
  find(token: string): Promise<Buffer | undefined>;
}

const cookieName = 'sluice_admin';

/** The session's token that a browser sent; undefined: none. */
export function sessionTokenOf({ headers }: FastifyRequest): string | undefined {
  return headers.cookie === undefined ? undefined : parseCookie(headers.cookie)[cookieName];
}

/** Has the browser keep the token, out of reach of scripts and of other sites, for so long; 0: forget it. */
export function keepSessionToken(reply: FastifyReply, token: string, seconds: number): void {
  const cookie = stringifySetCookie({
    name: cookieName,
    value: token,
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: reply.request.protocol === 'https',
    maxAge: seconds,
  });
  void reply.header('set-cookie', cookie);
}

const safeMethods = new Set(['GET', 'HEAD']);

/**
 * Whether the request may have been made by a page of another site, with the cookie along: `SameSite` keeps it back already, but
 * counts sister domains as the same site.
 */
export function isFromElsewhere({ method, headers, host }: FastifyRequest): boolean {
  if (safeMethods.has(method)) return false;
  const { origin = '' } = headers;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}
