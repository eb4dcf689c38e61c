import { Cluster, Redis } from 'ioredis';
import { asUnavailable } from './errors.js';
import { Replication } from './replication.js';
import { runScript, type Script } from './script.js';

/**
 * How long a command may take before its caller is told `unavailable`. ioredis has one automatic pipeline under way at a
 * time, so with a frozen server a command may wait out the one before as well.
 */
const commandTimeoutMs = 1400;

/**
 * The connection to Redis that everything but BullMQ shares, commands of one event-loop turn in one pipeline.
 *
 * Nothing is queued while the connection is down and nothing is sent twice: a script that was cut off may have run, so
 * its caller hears `unavailable` at once and decides (an order's buyer retries with the same idempotency key).
 */
export class RedisServer {
  readonly client: Redis | Cluster;
  /** null: a Cluster, whose servers replace each other all the time */
  private readonly replication: Replication | null;

  constructor(
    private readonly urls: readonly string[],
    private readonly onError: (error: Error) => void,
    /** told of every script and how long its caller waited */
    private readonly onScript?: (name: string, seconds: number) => void,
  ) {
    this.client = connect(urls, {
      commandTimeout: commandTimeoutMs,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      enableAutoPipelining: true,
      lazyConnect: true,
    });
    this.client.on('error', onError);
    this.replication = this.client instanceof Cluster ? null : new Replication(this.client);
  }

  /**
   * Whether another server may have taken this one's place, while this process still talks to the old one. What Redis says is then
   * told only after a look at PostgreSQL, which there is one of. May be about a second late.
   */
  get mayBeReplaced(): boolean {
    return this.replication?.mayBeReplaced ?? true;
  }

  /** Starts connecting; whoever asks before it is done hears `unavailable`. Never rejects: it goes on trying. */
  async open(): Promise<void> {
    await this.client.connect().catch(this.onError);
  }

  /** Runs a script on one sale. @throws DomainError `unavailable`; the script may still have run */
  async run<Outcome>(
    script: Script<Outcome>,
    saleId: string,
    args: readonly (string | number)[],
    extraKeys: readonly string[] = [],
  ): Promise<Outcome> {
    const startedAt = performance.now();
    try {
      return await runScript(this.client, script, saleId, args, extraKeys);
    } finally {
      this.onScript?.(script.name, (performance.now() - startedAt) / 1000);
    }
  }

  /** Runs plain commands. @throws DomainError `unavailable` */
  async call<T>(commands: (client: Redis | Cluster) => Promise<T>): Promise<T> {
    try {
      return await commands(this.client);
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  /**
   * A connection of its own for a subscriber; after a cut it subscribes again by itself. What is published in a Cluster reaches every
   * server, so there it leads to one of them, and after a cut to the next: a Cluster's own client keeps silent about cuts.
   */
  subscriber(): Redis {
    const servers = this.urls.map((url) => new URL(url));
    const client = connectOne(this.urls[0] ?? '', { maxRetriesPerRequest: null });
    client.on('error', this.onError);
    let cuts = 0;
    client.on('close', () => {
      const next = servers[++cuts % servers.length];
      if (next !== undefined && servers.length > 1) {
        Object.assign(client.options, { host: next.hostname.replace(/^\[|\]$/g, ''), port: Number(next.port || 6379) });
      }
    });
    return client;
  }

  /** A connection for BullMQ: `producer` fails at once while Redis is away, `worker` waits for as long as it takes. */
  forQueue(use: 'producer' | 'worker'): Redis | Cluster {
    const client = connect(
      this.urls,
      use === 'worker' ? { maxRetriesPerRequest: null } : { maxRetriesPerRequest: 0, commandTimeout: commandTimeoutMs },
    );
    client.on('error', this.onError);
    return client;
  }

  /** A connection of its own for calls that must not wait behind others; each is sent at once, or fails. Not open yet. */
  apart(): Redis | Cluster {
    const client = connect(this.urls, {
      commandTimeout: commandTimeoutMs,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      lazyConnect: true,
    });
    client.on('error', this.onError);
    return client;
  }

  /** Asks every server that may hold a sale. @throws DomainError `unavailable` */
  async eachServer<T>(ask: (server: Redis) => Promise<T>): Promise<T[]> {
    const servers = this.client instanceof Cluster ? this.client.nodes('master') : [this.client];
    return this.call(() => Promise.all(servers.map(ask)));
  }

  async ping(): Promise<void> {
    await this.call((client) => client.ping());
  }

  close(): void {
    this.client.disconnect();
  }
}

interface Behaviour {
  /** null: commands wait for the connection; 0: they fail at once without it, and when it is cut */
  readonly maxRetriesPerRequest: null | 0;
  readonly commandTimeout?: number;
  readonly autoResendUnfulfilledCommands?: false;
  readonly enableAutoPipelining?: boolean;
  /** it connects when told to, else at once */
  readonly lazyConnect?: boolean;
}

/** One Redis, or a Redis Cluster where there are several URLs. Reconnects for ever, at the most a second apart. */
function connect(urls: readonly string[], behaviour: Behaviour): Redis | Cluster {
  const [first, ...others] = urls;
  if (first === undefined) throw new Error('no Redis URL');
  if (others.length === 0) return connectOne(first, behaviour);
  const { common, connection } = optionsOf(behaviour);
  const { username, password, protocol } = new URL(first);
  return new Cluster([...urls], {
    ...common,
    clusterRetryStrategy: retryStrategy,
    redisOptions: {
      ...connection,
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    },
  });
}

function connectOne(url: string, behaviour: Behaviour): Redis {
  const { common, connection } = optionsOf(behaviour);
  return new Redis(url, { ...common, ...connection, retryStrategy });
}

/** `common`: of a Cluster as a whole; `connection`: of each of its connections. */
function optionsOf({ enableAutoPipelining = false, lazyConnect = false, ...options }: Behaviour) {
  return {
    common: { enableAutoPipelining, enableOfflineQueue: options.maxRetriesPerRequest === null, lazyConnect },
    connection: {
      ...options,
      connectTimeout: 2000,
      // we still talk to a server that has been demoted; the next connection finds the new primary
      reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    },
  };
}

function retryStrategy(times: number): number {
  return Math.min(times * 50, 1000);
}
