import { isIP } from 'node:net';

import type { FastifyRequest } from 'fastify';

/**
 * The address that a request counts for: the last one before our own proxies (`TRUST_PROXY`, which Fastify heeds), an IPv6
 * one by its /64, since a single customer has all of that.
 */
export function clientAddress(request: FastifyRequest): string {
  // a trusted proxy may still pass on what is no address
  return addressBlock(request.ip) ?? addressBlock(request.raw.socket.remoteAddress ?? '') ?? 'unknown';
}

const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const withPort = /^(?:(\d+\.\d+\.\d+\.\d+):\d+|\[([\da-f:.]+)\](?::\d+)?)$/i;

/** An IPv4 address as it is, of an IPv6 one its /64; null: it is neither. Some proxies add a port. */
export function addressBlock(text: string): string | null {
  switch (isIP(text)) {
    case 4:
      return text;
    case 6:
      return mapped.exec(text)?.[1] ?? blockOfIpv6(text);
    default: {
      const [, ipv4, ipv6] = withPort.exec(text) ?? [];
      const address = ipv4 ?? ipv6;
      return address === undefined || isIP(address) === 0 ? null : addressBlock(address);
    }
  }
}

/** @param address a valid one, with a zone perhaps */
function blockOfIpv6(address: string): string {
  const [before = '', after] = (address.split('%')[0] ?? '').split('::');
  const head = groupsOf(before);
  const tail = after === undefined ? [] : groupsOf(after);
  const zeros = new Array<number>(Math.max(0, 8 - head.length - tail.length)).fill(0);
  const groups = [...head, ...zeros, ...tail];
  // mapped, written in hexadecimal
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const [high = 0, low = 0] = groups.slice(6);
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  }
  const block = groups.slice(0, 4).map((group) => group.toString(16));
  return `${block.join(':')}::/64`;
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
