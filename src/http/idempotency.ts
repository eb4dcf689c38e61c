import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import { invalidField } from '../domain/index.js';
import { countOf } from './raw-headers.js';

/**
 * The request's `Idempotency-Key`; undefined where it has none.
 * @throws DomainError validation_failed unless it is there once, as 1 to 255 printable ASCII characters
 */
export function idempotencyKeyOf({
  headers,
  rawHeaders,
}: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  // Node joins several to one
  const isOne = typeof key === 'string' && countOf('idempotency-key', rawHeaders) === 1;
  if (isOne && /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  throw invalidField('Idempotency-Key', 'must be 1 to 255 printable ASCII characters, once');
}

/**
 * A digest of a body, 22 characters, that is the same for bodies that are equal after parsing: neither the order of the
 * names nor the way that a number is written matters; fields that are undefined are not there.
 */
export function bodyHash(body: unknown): string {
  return digest(canonical(body));
}

/** The name under which a buyer's key is kept in a sale, 22 characters. A joined text would let `a`, `b:c` meet `a:b`, `c`. */
export function idempotencyField(buyerId: string, key: string): string {
  return digest(JSON.stringify([buyerId, key]));
}

/** The first 16 bytes of the SHA-256, in base64url. */
function digest(text: string): string {
  return hash('sha256', text, 'buffer').toString('base64url', 0, 16);
}

/** A loop, and no lists on the way: it runs for every purchase. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  let text = '';
  if (Array.isArray(value)) {
    for (const element of value) text += `${text === '' ? '' : ','}${canonical(element)}`;
    return `[${text}]`;
  }
  for (const name of Object.keys(value).sort()) {
    const field = (value as Readonly<Record<string, unknown>>)[name];
    if (field !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${canonical(field)}`;
  }
  return `{${text}}`;
}
