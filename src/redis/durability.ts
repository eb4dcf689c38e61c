import type { ChainableCommander, Cluster, Redis } from 'ioredis';
import type { DurabilityMode } from '../config/index.js';
import { durabilityKey } from './keys.js';
import type { RedisServer } from './redis-server.js';

/** A wait that takes longer has failed. Shorter than the time after which a command counts as unanswered. */
const waitMs = 1000;

/**
 * Waits until what was written is safe, by whomever: WAIT and WAITAOF speak of what their own connection has written, so
 * before each it writes something, which comes after all else. One wait for all that ask in an event-loop turn.
 */
export class Durability {
  private next: Promise<boolean> | undefined;

  constructor(
    private readonly redis: RedisServer,
    private readonly mode: DurabilityMode,
  ) {}

  /** Whether all that Redis had written before this call is as safe as configured. Never rejects. */
  async passed(): Promise<boolean> {
    if (this.mode.kind === 'server') return true;
    this.next ??= this.waitAtEndOfTurn();
    return this.next;
  }

  /** What in Redis's settings would break the promise of a 202. Empty: nothing. @throws DomainError `unavailable` */
  async warnings(): Promise<string[]> {
    const perNode = await this.redis.eachServer((server) => this.warningsOf(server));
    return [...new Set(perNode.flat())];
  }

  private async waitAtEndOfTurn(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    this.next = undefined; // what is written from here on needs a wait of its own
    try {
      return await this.redis.call((client) => this.wait(client));
    } catch {
      return false;
    }
  }

  private async wait(client: Redis | Cluster): Promise<boolean> {
    const written = client.pipeline().set(durabilityKey, '', 'PX', waitMs);
    if (this.mode.kind === 'replica') {
      const replicas = await lastAnswer(written.call('WAIT', this.mode.replicas, waitMs));
      return Number(replicas) >= this.mode.replicas;
    }
    const [local] = (await lastAnswer(written.call('WAITAOF', 1, 0, waitMs))) as [number, number];
    return local >= 1;
  }

  private async warningsOf(server: Redis): Promise<string[]> {
    const info = await server.info();
    const value = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
    const warnings: string[] = [];
    if (value('aof_enabled') !== '1') {
      warnings.push('appendonly is off: a restart of Redis loses accepted orders that are not in Postgres yet');
    } else if (this.mode.kind !== 'aof') {
      const appendfsync = await settingOf(server, 'appendfsync');
      if (appendfsync !== 'always') {
        warnings.push(
          `appendfsync is ${appendfsync}, not always: a crash of Redis may lose orders accepted just before`,
        );
      }
    }
    if (value('maxmemory_policy') !== 'noeviction') {
      warnings.push('maxmemory-policy is not noeviction: Redis may drop stock and orders when its memory is full');
    }
    if (this.mode.kind !== 'replica' && value('cluster_enabled') !== '1' && Number(value('connected_slaves')) > 0) {
      if ((await settingOf(server, 'min-replicas-to-write')) === '0') {
        warnings.push(
          'min-replicas-to-write is 0: a primary that was replaced may go on accepting orders, which are lost with it',
        );
      }
    }
    if (this.mode.kind === 'replica' && Number(value('connected_slaves')) < this.mode.replicas) {
      warnings.push('fewer replicas are connected than REDIS_DURABILITY asks for: every purchase will be refused');
    }
    if (this.mode.kind === 'aof' && !knowsWaitAof(value('redis_version'))) {
      warnings.push('this server has no WAITAOF, which REDIS_DURABILITY=aof needs: every purchase will be refused');
    }
    return warnings;
  }
}

async function lastAnswer(pipeline: ChainableCommander): Promise<unknown> {
  const answers = (await pipeline.exec()) ?? [];
  for (const [error] of answers) if (error !== null) throw error;
  return answers.at(-1)?.[1];
}

/** A managed Redis may not let us ask. */
async function settingOf(server: Redis, name: string): Promise<string> {
  const [, value = 'unknown'] = (await server.config('GET', name).catch(() => [])) as string[];
  return value;
}

/** Redis 7.2; Valkey, which calls itself Redis 7.2.4 here, has it too. */
function knowsWaitAof(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 7 || (major === 7 && minor >= 2);
}
