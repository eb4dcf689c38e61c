import { Queue, Worker, type Job, type Processor, type WorkerOptions } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { FastifyInstance } from 'fastify';
import type { RejectReason } from '../domain/index.js';
import type { PageFile } from '../http/index.js';
import { queuePrefix, type RedisServer } from '../redis/index.js';

/** From where the trace of an order goes on, by the order's id. */
export type Carriers = Readonly<Record<string, string>>;

/** Orders to write: pointers into a sale's outbox. A lost one loses nothing, a doubled one does nothing. */
export interface OrdersJob {
  readonly saleId: string;
  readonly orderIds: readonly string[];
  /** the orders shall end rejected for this reason; without it they shall be written */
  readonly rejectAs?: RejectReason;
  /** W3C `traceparent` by order, of those whose traces are kept; without any, not one byte */
  readonly traces?: Carriers;
}

const ordersQueue = 'orders';
/** What a worker writes in one transaction at the most. */
const ordersPerJob = 500;

/**
 * BullMQ's defaults (locks and stalled checks of 30 s, one stalled run allowed) would let a killed worker's jobs lie for a
 * minute and then fail them. A stalled job here is only repeated, so it may stall as often as it likes.
 */
const workerOptions = {
  lockDuration: 10_000,
  stalledInterval: 5000,
  maxStalledCount: Number.MAX_SAFE_INTEGER,
  drainDelay: 5,
  runRetryDelay: 500,
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 100 },
} satisfies Partial<WorkerOptions>;

/** A job whose server is down waits and tries again for as long as it takes. */
const retryForever = { attempts: Number.MAX_SAFE_INTEGER, backoff: { type: 'capped' } };

/** What a job that was lost but for its hash leaves would have the next of its name ignored: it is removed, and added by the next pass. */
async function hurry(job: Job<OrdersJob>): Promise<void> {
  try {
    await job.promote();
  } catch {
    // it does not wait for another attempt
    if ((await job.getState()) === 'unknown') await job.remove().catch(() => undefined); // another removed it
  }
}

function cappedBackoff(attemptsMade: number): number {
  return Math.min(100 * 2 ** Math.min(attemptsMade, 10), 2000);
}

/** The queues of this process: the only room that knows BullMQ. */
export class Queues {
  private readonly connection: Redis | Cluster;
  private readonly orders: Queue<OrdersJob>;
  private readonly workers: Worker[] = [];
  private readonly workerConnections: (Redis | Cluster)[] = [];
  private board: Promise<FastifyInstance> | undefined;

  constructor(
    private readonly redis: RedisServer,
    private readonly onError: (error: Error) => void,
  ) {
    this.connection = redis.forQueue('producer');
    this.orders = this.producer(ordersQueue);
  }

  /** Adds jobs in one call. Fails at once while Redis is away: the requeue pass finds what was not queued. */
  async addOrders(jobs: readonly OrdersJob[]): Promise<void> {
    await this.orders.addBulk(jobs.map((data) => ({ name: 'persist', data, opts: retryForever })));
  }

  /**
   * Adds orders of a sale of which nobody knows whether they have a job, but not the same ones twice: a job is named by its first and its
   * last order. One that is there already goes on at once, however long it was to wait for its next attempt.
   */
  async addOrdersAgain(saleId: string, orderIds: readonly string[]): Promise<void> {
    const jobs: Parameters<typeof this.orders.addBulk>[0] = [];
    for (let i = 0; i < orderIds.length; i += ordersPerJob) {
      const ids = orderIds.slice(i, i + ordersPerJob);
      const jobId = `${saleId}-${ids[0] ?? ''}-${ids.at(-1) ?? ''}`;
      // one that were kept would have BullMQ ignore the next of its name
      const opts = { ...retryForever, jobId, removeOnComplete: true, removeOnFail: true };
      jobs.push({ name: 'persist', data: { saleId, orderIds: ids }, opts });
    }
    await Promise.all((await this.orders.addBulk(jobs)).map(hurry));
  }

  /**
   * When the oldest job that waits or runs was added, by the clock of the node that added it; null: there is none. Jobs that wait
   * for another attempt are left out: where a clock jumped they wait for hours.
   */
  async oldestOrdersJobAt(): Promise<Date | null> {
    const oldest = await Promise.all(
      (['wait', 'active'] as const).map((state) => this.orders.getJobs([state], 0, 0, true)),
    );
    // a job that ended between the two reads of BullMQ is undefined, whatever its type says
    const times = (oldest.flat() as (Job<OrdersJob> | undefined)[]).flatMap((job) => job?.timestamp ?? []);
    return times.length === 0 ? null : new Date(Math.min(...times));
  }

  /** Starts writing orders: `process` is called for up to `concurrency` jobs at once. */
  workOrders(concurrency: number, process: (job: OrdersJob) => Promise<void>): void {
    this.worker(ordersQueue, concurrency, (job: Job<OrdersJob>) => process(job.data));
  }

  /** A file of Bull Board, whose pages begin at `basePath`: to look at these queues. It is loaded when it is first asked for. */
  async boardFile(basePath: string, target: string): Promise<PageFile> {
    this.board ??= import('./board.js').then(({ bullBoard }) => bullBoard([this.orders], basePath));
    const board = await this.board.catch((error: unknown) => {
      this.board = undefined; // the next who asks tries again
      throw error;
    });
    const { statusCode, headers, rawPayload } = await board.inject({ method: 'GET', url: target });
    return { status: statusCode, contentType: String(headers['content-type'] ?? 'text/plain'), body: rawPayload };
  }

  /** Takes no more jobs, and waits for those in hand. */
  async endWork(): Promise<void> {
    await Promise.allSettled(this.workers.map((worker) => worker.close()));
  }

  /** Ends the work, then closes every connection. */
  async close(): Promise<void> {
    await this.endWork();
    await this.orders.close();
    for (const connection of [this.connection, ...this.workerConnections]) connection.disconnect();
  }

  /** Never waits for Redis: neither for its version nor for the connection. */
  private producer<Data>(name: string): Queue<Data> {
    const queue = new Queue<Data>(name, {
      connection: this.connection,
      prefix: queuePrefix,
      skipWaitingForReady: true,
      skipVersionCheck: true,
      skipMetasUpdate: true,
    });
    queue.on('error', this.onError);
    return queue;
  }

  private worker<Data>(name: string, concurrency: number, processor: Processor<Data>): void {
    const connection = this.redis.forQueue('worker');
    const worker = new Worker<Data>(name, processor, {
      ...workerOptions,
      connection,
      prefix: queuePrefix,
      concurrency,
      settings: { backoffStrategy: cappedBackoff },
    });
    worker.on('error', this.onError);
    worker.on('failed', (_job, error) => {
      this.onError(error);
    });
    this.workers.push(worker);
    this.workerConnections.push(connection);
  }
}
