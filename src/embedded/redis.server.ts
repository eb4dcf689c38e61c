import { once } from 'node:events';
import { mkdir, realpath } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';

import type { EmbeddedServer } from './embedded-server.js';
import { freePort } from './free-port.js';
import { awaitLeftover } from './leftover.js';
import { becomesTrue } from './poll.js';
import { ensureRedisBinary, type Announce } from './redis-binary.js';
import { logTail, supervise, type Supervised } from './supervise.js';

/** Loading a large append-only file is part of a start. */
const READY_TIMEOUT_MS = 120_000;
const START_ATTEMPTS = 10;
const ANSWER_TIMEOUT_MS = 5_000;

/** In order, then the end. */
const STOP_SIGNALS = ['TERM', 'KILL'];

export interface RedisOptions {
  /** Holds the append-only file and the server's log; created when missing. */
  readonly dataDir: string;
  /** A free one when left out. */
  readonly port?: number;
  /** More of the server's own arguments, such as `['--appendfsync', 'no']`; they come last and win. Not for a password: starting needs PING. */
  readonly args?: readonly string[];
  /** Told when Redis has to be installed first. */
  readonly announce?: Announce;
}

/**
 * Starts a real Redis (or Valkey) on 127.0.0.1 that has on disk what it has answered: `appendonly`, fsync at each write, no eviction.
 * It has no password: whoever may open a connection from this machine may use it. A later start in the same folder keeps the data.
 * The server ends with this process, whatever ends it.
 *
 * @throws Error with the server's own last words when it does not start, or what to install when there is none
 */
export async function startRedis(options: RedisOptions): Promise<EmbeddedServer> {
  const binary = await ensureRedisBinary(options.announce);
  await mkdir(options.dataDir, { recursive: true, mode: 0o711 });
  const dir = await realpath(options.dataDir);
  const pidFile = join(dir, 'redis.pid');
  await awaitLeftover(pidFile, dir);
  const logFile = join(dir, 'server.log');
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const args = [...settings(dir, pidFile, port), ...(options.args ?? [])];
    const server = await supervise(binary, args, { stopSignals: STOP_SIGNALS, logFile, cwd: dir });
    if (await answers(server, port)) {
      return {
        url: `redis://127.0.0.1:${String(port)}`,
        port,
        pid: server.pid,
        ended: server.ended,
        stop: () => server.stop(),
      };
    }
    await server.stop();
    const said = await logTail(logFile);
    const mayPass = options.port === undefined && said.includes('Address already in use');
    if (attempt === START_ATTEMPTS || !mayPass) throw new Error(`Redis did not start: ${said}`);
  }
}

function settings(dir: string, pidFile: string, port: number): string[] {
  const values: Record<string, string> = {
    bind: '127.0.0.1',
    port: String(port),
    'protected-mode': 'yes',
    daemonize: 'no',
    // Redis does not lock its folder. The pid file and an unchanged command line are what awaitLeftover goes by.
    pidfile: pidFile,
    'set-proc-title': 'no',
    dir,
    appendonly: 'yes',
    appendfsync: 'always',
    save: '',
    'maxmemory-policy': 'noeviction',
  };
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
}

/** True once the server has loaded its data and takes commands; false when it ended or took too long. */
async function answers(server: Supervised, port: number): Promise<boolean> {
  const isReady = async (): Promise<boolean> => server.hasEnded() || (await isServing(port, server.pid));
  const ready = becomesTrue(isReady, { timeoutMs: READY_TIMEOUT_MS, intervalMs: 10 });
  // Who has taken the port may keep us waiting for an answer.
  return (await Promise.race([ready, server.ended])) === true && !server.hasEnded();
}

/** Asks for the pid as well: another Redis may have taken the port, while ours has not yet noticed. */
async function isServing(port: number, pid: number): Promise<boolean> {
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
  let reply = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    reply += chunk;
  });
  socket.end('PING\r\nINFO server\r\nQUIT\r\n');
  try {
    await once(socket, 'close');
  } catch {
    return false; // refused: not listening yet
  } finally {
    socket.destroy();
  }
  return reply.startsWith('+PONG') && reply.includes(`process_id:${String(pid)}\r\n`);
}
