import type { Command, Redis } from 'ioredis';
import type pg from 'pg';

/** Where a process dies: at its `nth` command, before that was sent, or after it took effect but before its answer. */
export interface CrashPoint {
  readonly nth: number;
  readonly when: 'before' | 'after';
}

/**
 * The life of one process, as far as its servers can tell. It sees every command that the process's own clients send,
 * counts them from `arm` on, and ends at the crash point: from there nothing is sent and nothing is answered, so that code
 * which waits for an answer never runs on, and once the last command took effect the connections are cut, not closed.
 */
export class Life {
  /** Resolves when the last command took effect and the connections are cut. */
  readonly ended: Promise<void>;
  /** Each command since `arm`, to tell in a message where it ended. */
  readonly commands: string[] = [];
  private readonly redisClients: Redis[] = [];
  private readonly postgresClients = new Set<pg.Client>();
  /** by which the code that waits is let go when nobody looks any more, so that its timers go too */
  private readonly abandoned: ((error: Error) => void)[] = [];
  private point: CrashPoint | undefined;
  private isAlive = true;
  private isBuried = false;
  private script: string | undefined;
  private last: unknown;
  private markEnded: () => void = () => undefined;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.markEnded = resolve;
    });
  }

  /** Counts from here. */
  arm(point: CrashPoint): void {
    this.point = point;
    this.commands.length = 0;
  }

  /** What is sent while `send` runs is the script of this name. */
  named<T>(script: string, send: () => T): T {
    this.script = script;
    try {
      return send();
    } finally {
      this.script = undefined;
    }
  }

  adoptRedis(client: Redis): void {
    this.redisClients.push(client);
    client.options.enableAutoPipelining = false; // one command, one write: each is a crash point
    const send = client.sendCommand.bind(client);
    const units = new WeakMap<object, { readonly fate: Fate; waiting: number }>();
    client.sendCommand = (command, stream) => {
      // a pipeline or MULTI is written at once: it leaves this process whole or not at all
      const key = stream ?? command;
      const unit = units.get(key) ?? { fate: this.next(() => this.describe(command)), waiting: 0 };
      units.set(key, unit);
      unit.waiting += 1;
      this.guard(command, () => {
        unit.waiting -= 1;
        if (unit.fate === 'last' && unit.waiting === 0) this.cut();
      });
      return unit.fate === 'lost' ? command.promise : send(command, stream);
    };
  }

  adoptPostgres(pool: pg.Pool): void {
    const { connect, query } = pool as unknown as Record<'connect' | 'query', (...args: unknown[]) => unknown>;
    // `pool.query` calls `connect` with a callback, and answers for both
    const checkedOut = (...args: unknown[]): unknown => {
      if (args.length > 0) return this.isAlive ? connect.apply(pool, args) : undefined;
      return this.isAlive ? this.whileAlive(connect.call(pool) as Promise<unknown>) : this.never();
    };
    const queried = (...args: unknown[]): unknown =>
      this.isAlive ? this.whileAlive(query.apply(pool, args) as Promise<unknown>) : this.never();
    Object.assign(pool, { connect: checkedOut, query: queried });
    pool.on('connect', (client) => {
      this.adoptPostgresClient(client);
    });
  }

  /** After its end: lets go of all code that still waits for an answer; what it sends now fails. */
  bury(): void {
    this.isBuried = true;
    for (const abandon of this.abandoned) abandon(new Error('the process is dead'));
  }

  private adoptPostgresClient(client: pg.Client): void {
    this.postgresClients.add(client);
    client.once('end', () => this.postgresClients.delete(client));
    client.on('error', () => undefined);
    const send = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    const query = (...args: unknown[]): unknown => {
      const callback = typeof args.at(-1) === 'function' ? (args.pop() as Callback) : undefined;
      const answer = this.ask(statementName(args[0]), () => send(...args));
      if (callback === undefined) return answer;
      answer.then(
        (result) => {
          callback(null, result);
        },
        (error: unknown) => {
          callback(error);
        },
      );
      return undefined;
    };
    Object.assign(client, { query });
    if (!this.isAlive) client.connection.stream.destroy();
  }

  private ask<T>(name: string, send: () => Promise<T>): Promise<T> {
    const fate = this.next(() => name);
    if (fate === 'lost') return this.never();
    const answer = send();
    if (fate === 'last') {
      const cut = (): void => {
        this.cut();
      };
      void answer.then(cut, cut);
    }
    return this.whileAlive(answer);
  }

  private next(describe: () => string): Fate {
    if (!this.isAlive) return 'lost';
    if (this.point === undefined) return 'sent';
    this.commands.push(describe());
    if (this.commands.length !== this.point.nth) return 'sent';
    this.isAlive = false;
    if (this.point.when === 'after') return 'last';
    this.cut();
    return 'lost';
  }

  /** Settles as `answer` does, but only in this life. */
  private whileAlive<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.abandoned.push(reject);
      answer.then(
        (value) => {
          if (this.isAlive) resolve(value);
        },
        () => {
          if (this.isAlive || this.isBuried) resolve(answer); // rejects as it did
        },
      );
    });
  }

  private never(): Promise<never> {
    if (this.isBuried) return Promise.reject(new Error('the process is dead'));
    return new Promise((_, reject) => {
      this.abandoned.push(reject);
    });
  }

  /** As `whileAlive`, for a command of ioredis, which is settled from outside. */
  private guard(command: Command, onAnswer: () => void): void {
    const { resolve, reject } = command;
    command.resolve = (value) => {
      onAnswer();
      if (this.isAlive) resolve(value);
    };
    command.reject = (error) => {
      onAnswer();
      if (this.isAlive) reject(error);
    };
    if (this.isBuried) reject(new Error('the process is dead'));
    else this.abandoned.push(reject);
  }

  private describe(command: Command): string {
    if (this.script !== undefined) return this.script;
    const isScript = command.name.startsWith('eval');
    const key = String(command.args[isScript ? 2 : 0] ?? '');
    return `${command.name} ${key.replace(/\{[0-9a-f-]{36}\}|[0-9a-f-]{36}/g, '…').slice(0, 60)}`;
  }

  private cut(): void {
    for (const client of this.redisClients) {
      client.disconnect();
      client.stream.destroy();
    }
    for (const client of this.postgresClients) client.connection.stream.destroy();
    this.markEnded();
  }
}

/** What becomes of a command: it is sent, it is the last that is sent, it never leaves. */
type Fate = 'sent' | 'last' | 'lost';

type Callback = (error: unknown, result?: unknown) => void;

function statementName(query: unknown): string {
  const { name, text = query } = query as { name?: string; text?: unknown };
  return name ?? String(text).trim().replace(/\s+/g, ' ').slice(0, 60);
}
