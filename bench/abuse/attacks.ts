import { createHmac } from 'node:crypto';
import { v7 as newId } from 'uuid';
import { buyerTokens, type Keys } from '../../src/cli/keys.js';
import { addressOf } from '../load/address.js';
import { saturating } from '../load/accept.js';
import type { BenchSale } from '../system/sale.js';
import type { Attack } from './attack.js';

/** Connections of an attack that is about what is asked. */
const connections = 32;
const kinds = 1000;

interface Asked {
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly token?: string;
  readonly body?: string;
  readonly headers?: readonly string[];
}

/** The abuse that docs/security.md tells of, for a server that was told to trust the proxy on this machine. */
export function attacksOn(
  sale: BenchSale,
  { buyerSecret }: Keys,
  webhookSecret: string,
): readonly [Attack, ...Attack[]] {
  const sign = buyerTokens(buyerSecret);
  const eve = sign('eve');
  const purchase = { path: sale.path, body: sale.body };
  const many = (request: (i: number) => Asked, length = kinds): string[] =>
    Array.from({ length }, (_, i) => written(request(i)));
  const from = (i: number): string => `X-Forwarded-For: ${addressOf((11 << 24) + i)}`;
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${eve.split('.')[1] ?? ''}.`;
  const webhook = JSON.stringify({
    type: 'payment.failed',
    saleId: sale.id,
    orderId: newId(),
    paymentReference: 'r',
  });
  const seconds = Math.floor(Date.now() / 1000);
  const signature = createHmac('sha256', webhookSecret).update(`${seconds}.${webhook}`).digest('hex');

  return [
    {
      name: 'one address floods',
      connections: 3 * saturating,
      requests: many((i) => ({ ...purchase, token: sign(`mallory-${i}`) })),
    },
    {
      name: 'one buyer from 1,000 addresses',
      connections,
      requests: many((i) => ({ ...purchase, token: eve, headers: [from(i)] })),
    },
    {
      name: 'forged tokens from 1,000 addresses',
      connections,
      requests: many((i) => ({
        ...purchase,
        token: i % 2 ? unsigned : `${eve.slice(0, -8)}AAAAAAAA`,
        headers: [from(i)],
      })),
    },
    {
      name: 'guesses of order ids from 1,000 addresses',
      connections,
      requests: many(
        (i) => ({ method: 'GET', path: `${sale.path}/${newId()}`, token: sign(`guesser-${i}`), headers: [from(i)] }),
        20 * kinds,
      ),
    },
    {
      name: 'a signed webhook of no order, again and again',
      connections,
      requests: many((i) => ({
        path: '/v1/payments/webhook',
        body: webhook,
        headers: [`Sluice-Signature: t=${seconds},v1=${signature}`, from(i)],
      })),
    },
    {
      name: 'very long paths',
      connections,
      requests: many((i) => ({ path: `/${'x'.repeat(12_000)}`, headers: [from(i)] })),
    },
    {
      name: 'JSON bombs',
      connections,
      requests: many((i) => ({
        ...purchase,
        token: sign(`bomber-${i}`),
        body: '['.repeat(16_000),
        headers: [from(i)],
      })),
    },
    {
      name: 'header bombs',
      connections,
      requests: many((i) => ({
        ...purchase,
        headers: [from(i), ...Array.from({ length: 1500 }, (_, h) => `X-${h}: y`)],
      })),
    },
    {
      name: '1,000 slow bodies',
      connections: 1000,
      requests: many((i) => ({ ...purchase, token: sign(`trickler-${i}`), headers: [from(i)] })).map((whole) =>
        whole.slice(0, -40),
      ),
      trickle: true,
    },
    { name: '1,000 idle connections', connections: 1000, requests: [''] },
  ];
}

function written({ method = 'POST', path, token, body = '', headers = [] }: Asked): string {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: sluice', ...headers];
  if (token !== undefined) lines.push(`Authorization: Bearer ${token}`);
  if (body !== '') lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
