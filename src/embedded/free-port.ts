import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const LOWEST_PORT = 10_240;
const CLUSTER_BUS_OFFSET = 10_000;
const ATTEMPTS = 100;

/**
 * A TCP port that nothing listens on at 127.0.0.1. It is not reserved: whoever uses it may find it taken and must then ask again.
 *
 * Taken from below the ephemeral range, and so that port + 10000 (the bus of a Redis Cluster node) is below it too. A client that keeps
 * reconnecting to a port inside that range while its server is down sooner or later connects to itself, and the server cannot come back.
 *
 * @throws Error when none of 100 random ports is free
 */
export async function freePort(): Promise<number> {
  const ceiling = Math.max(ephemeralStart() - CLUSTER_BUS_OFFSET, LOWEST_PORT + 1_000);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(LOWEST_PORT, ceiling);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port found between ${String(LOWEST_PORT)} and ${String(ceiling)}`);
}

function ephemeralStart(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
  } catch {
    return 32_768;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => {
      resolve(false);
    });
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}
