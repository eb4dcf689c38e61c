import { createHmac } from 'node:crypto';
import { jwtSecret, type Headers } from './api-client.js';

/** A JWT with any header and any claims, signed by HMAC; `hash` need not be what the header says. */
export function hmacToken(
  claims: object,
  { header = {}, key = jwtSecret, hash = 'sha256' }: { header?: object; key?: string; hash?: string } = {},
): string {
  const parts = [{ alg: 'HS256', typ: 'JWT', ...header }, claims];
  const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`;
}

export function bearer(token: string): Headers {
  return { authorization: `Bearer ${token}` };
}

/** So many seconds from now, as a claim wants it. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}
