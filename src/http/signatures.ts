import { createHmac, timingSafeEqual } from 'node:crypto';

import { DomainError } from '../domain/index.js';

/** How far the sender's clock and ours may be apart, the message's way to us included. */
const maxAgeSeconds = 300;
const maxSignatures = 8;

/** Refuses a body that the sender did not sign. @throws DomainError unauthenticated */
export type BodyCheck = (bytes: Buffer) => void;

/**
 * Reads a `Sluice-Signature: t=<unix seconds>,v1=<hex>` header. Several `v1` are tried, so that the sender can change
 * secrets; other names are for versions to come.
 * @returns the check that the bytes of the body have to pass: HMAC-SHA256 of `t.body`, compared in constant time
 * @throws DomainError unauthenticated where there is no such header, or its time is more than 5 minutes off
 */
export function bodyCheck(
  header: string | string[] | undefined,
  secret: string,
  nowSeconds = Date.now() / 1000,
): BodyCheck {
  const parts = typeof header === 'string' ? header.split(',').map((part) => part.trim()) : [];
  const times = valuesOf('t', parts);
  const [time = ''] = times;
  const signatures = valuesOf('v1', parts).filter((hex) => /^[0-9a-f]{64}$/i.test(hex));
  const isTime = times.length === 1 && /^\d{1,12}$/.test(time);
  if (!isTime || Math.abs(nowSeconds - Number(time)) > maxAgeSeconds || signatures.length === 0) throw unsigned();
  return (bytes) => {
    const expected = createHmac('sha256', secret).update(`${time}.`).update(bytes).digest();
    const isSigned = signatures
      .slice(0, maxSignatures)
      .some((signature) => timingSafeEqual(Buffer.from(signature, 'hex'), expected));
    if (!isSigned) throw unsigned();
  };
}

function valuesOf(name: string, parts: readonly string[]): string[] {
  return parts.filter((part) => part.startsWith(`${name}=`)).map((part) => part.slice(name.length + 1));
}

function unsigned(): DomainError {
  return new DomainError('unauthenticated', 'The signature is missing or wrong, or was made more than 5 minutes ago.');
}
