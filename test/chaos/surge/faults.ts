import { setTimeout as delay } from 'node:timers/promises';
import { saleKey, type SaleKey } from '../../../src/redis/keys.js';
import type { AppProcess } from './app-process.js';
import type { Front } from './front.js';
import type { Losses } from './losses.js';
import { processNames, type Fault, type FaultKind, type ServerName } from './fault-kinds.js';
import { longStrikes, type LongTarget } from './long-strikes.js';
import { saleNamed } from './sales.js';
import type { ChaosSystem } from './system.js';
import type { TcpProxy } from './tcp-proxy.js';

/** What faults strike, and where they write down what they destroy. */
export interface Target extends LongTarget {
  readonly losses: Losses;
}

/** Resolves to what is worth to be told of it, if anything. */
type Strike = (target: Target, fault: Fault) => Promise<unknown>;

/** Lets one thing go wrong; resolves when it is over. @returns what is worth to be told. @throws Error when it could not be done */
export async function strike(target: Target, fault: Fault): Promise<string | undefined> {
  const told = await strikes[fault.kind](target, fault);
  return typeof told === 'string' ? told : undefined;
}

const strikes: Readonly<Record<FaultKind, Strike>> = {
  ...longStrikes,
  kill: (target, fault) => victim(target, fault).end('SIGKILL', fault.durationMs),
  stop: (target, fault) => victim(target, fault).end('SIGTERM', fault.durationMs),
  async freeze(target, fault) {
    const app = victim(target, fault);
    app.signal('SIGSTOP');
    await delay(fault.durationMs);
    app.signal('SIGCONT');
  },
  async clock({ system }, fault) {
    const name = nameOf(fault);
    await system.shiftClock(name, fault.amount);
    await delay(fault.durationMs);
    await system.shiftClock(name, 0);
  },
  'redis-kill': ({ system }, { durationMs }) => system.backends.killRedis(durationMs),
  'redis-freeze': ({ system }, { durationMs }) => system.backends.freezeRedis(durationMs),
  async 'redis-flush'({ system, losses }) {
    losses.lost({ kind: 'redis-flush', from: 0, to: await system.backends.flushRedis() });
  },
  async 'redis-key'({ system, sales, losses }, fault) {
    const [name = '', key] = fault.victim.startsWith('{') ? [] : fault.victim.split(':');
    if (key === undefined) {
      await system.backends.deleteKey(fault.victim);
      return;
    }
    const sale = saleNamed(sales, name);
    const existed = await system.backends.deleteKey(saleKey(sale.id, key as SaleKey));
    // the outbox itself: what has no row yet is gone
    if (existed && key === 'queued') losses.lost({ kind: 'redis-key', saleId: sale.id, from: 0, to: Date.now() });
  },
  async 'redis-old'({ system, losses }, { durationMs }) {
    losses.lost({ kind: 'redis-old', ...(await system.backends.restoreRedis(durationMs)) });
  },
  'redis-cut': (target, fault) => cut(target, fault, 'redis'),
  'redis-slow': (target, fault) => slow(target, fault, 'redis'),
  'redis-hole': (target, fault) => silence(target, fault, 'redis'),
  'postgres-kill': ({ system }, { durationMs }) => system.backends.killPostgres(durationMs),
  async 'postgres-crash'({ system }) {
    if (!(await system.backends.crashPostgres())) throw new Error('nobody was connected');
  },
  'postgres-freeze': ({ system }, { durationMs }) => system.backends.freezePostgres(durationMs),
  'postgres-cut': (target, fault) => cut(target, fault, 'postgres'),
  'postgres-slow': (target, fault) => slow(target, fault, 'postgres'),
  'postgres-hole': (target, fault) => silence(target, fault, 'postgres'),
  'pgbouncer-kill': ({ system }, { durationMs }) => frontOf(system).killPgBouncer(durationMs),
  'pgbouncer-freeze': ({ system }, { durationMs }) => frontOf(system).freezePgBouncer(durationMs),
  'nginx-kill': ({ system }, { durationMs }) => frontOf(system).killNginx(durationMs),
  'nginx-freeze': ({ system }, { durationMs }) => frontOf(system).freezeNginx(durationMs),
};

function frontOf({ front }: ChaosSystem): Front {
  if (front === null) throw new Error('only the topology has it');
  return front;
}

function nameOf({ kind, victim: name }: Fault) {
  const known = processNames.find((each) => each === name);
  if (known === undefined) throw new Error(`${kind}: no process ${name}`);
  return known;
}

function victim({ system }: Target, fault: Fault): AppProcess {
  const app = system.apps.get(nameOf(fault));
  if (app === undefined) throw new Error(`${fault.victim} does not run`);
  return app;
}

/** The lines of one process to a server, or of all. */
function linksOf({ system }: Target, fault: Fault, server: ServerName): TcpProxy[] {
  const names = fault.victim === 'all' || fault.victim === 'half' ? processNames : [nameOf(fault)];
  return names.flatMap((name) => system.links.get(name)?.[server] ?? []);
}

async function cut(target: Target, fault: Fault, server: ServerName): Promise<void> {
  for (const link of linksOf(target, fault, server)) link.cut(fault.victim === 'half' ? 'half' : 'all');
}

async function slow(target: Target, fault: Fault, server: ServerName): Promise<void> {
  const links = linksOf(target, fault, server);
  for (const link of links) link.slow(fault.amount);
  await delay(fault.durationMs);
  for (const link of links) link.heal();
}

async function silence(target: Target, fault: Fault, server: ServerName): Promise<void> {
  const links = linksOf(target, fault, server);
  for (const link of links) link.silence();
  await delay(fault.durationMs);
  for (const link of links) {
    if (fault.amount === 1) link.cut();
    link.heal();
  }
}
