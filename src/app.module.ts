import {
  Global,
  Injectable,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { AdmissionApiModule } from './admission/index.js';
import { Config } from './config/index.js';
import { LiveApiModule, LiveModule, PublishFigures } from './live/index.js';
import { Failures, HealthChecks, Metrics, ObservabilityModule, Traces, type Logger } from './observability/index.js';
import { OrderBatches, OrderIntake, OrdersApiModule, OrdersModule, Overload } from './orders/index.js';
import { SessionsApiModule } from './http/index.js';
import { PaymentsApiModule } from './payments/index.js';
import { AdminQueries, Database, SaleGate } from './postgres/index.js';
import { Queues } from './queue/index.js';
import { Reconciler, ReconciliationApiModule, ReconciliationModule } from './reconciliation/index.js';
import { ChangeFeed, Durability, RedisServer } from './redis/index.js';
import { SalesApiModule } from './sales/index.js';
import { scriptTimer, transactionTimer } from './server-metrics.js';

/** Jobs that one worker has in hand at once; those of one sale become few transactions, and one that is stuck keeps one. */
const workerConcurrency = 50;

/** The servers behind this process, for every module. */
@Global()
@Module({})
class ServersModule {
  static for(config: Config, logger: Logger, metrics: Metrics, traces: Traces): DynamicModule {
    const warn =
      (server: string) =>
      (error: Error): void => {
        logger.warn({ err: error }, `${server}: ${error.message}`);
      };
    const database = new Database(
      config.databaseUrl,
      warn('postgres'),
      transactionTimer(metrics, traces),
      config.preparedStatements,
    );
    const redis = new RedisServer(config.redisUrls, warn('redis'), scriptTimer(metrics, traces));
    const providers = [
      { provide: Config, useValue: config },
      { provide: Traces, useValue: traces },
      { provide: Failures, useValue: new Failures(metrics) },
      { provide: Database, useValue: database },
      { provide: SaleGate, useValue: new SaleGate(database) },
      { provide: AdminQueries, useValue: new AdminQueries(database) },
      { provide: RedisServer, useValue: redis },
      { provide: Durability, useValue: new Durability(redis, config.redisDurability) },
      { provide: ChangeFeed, useValue: new ChangeFeed(redis) },
      { provide: Queues, useValue: new Queues(redis, warn('queue')) },
    ];
    return { module: ServersModule, providers, exports: providers };
  }
}

/** Opens the servers' connections, and closes them when no request is under way any more. */
@Injectable()
class Servers implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly database: Database,
    private readonly redis: RedisServer,
    private readonly feed: ChangeFeed,
    private readonly queues: Queues,
    private readonly traces: Traces,
    durability: Durability,
    health: HealthChecks,
    metrics: Metrics,
  ) {
    health.add({ name: 'redis', check: () => durability.warnings() });
    health.add({ name: 'postgres', check: () => database.ping().then(() => []) });
    metrics.gauges(
      {
        redis_up: { help: '1 when Redis answers this process', acrossProcesses: 'min' },
        postgres_up: { help: '1 when PostgreSQL answers this process', acrossProcesses: 'min' },
      },
      async () => {
        const { checks } = await health.report();
        return { redis_up: isUp(checks['redis']), postgres_up: isUp(checks['postgres']) };
      },
    );
  }

  async onModuleInit(): Promise<void> {
    this.feed.open();
    await this.redis.open();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.queues.close();
    this.feed.close();
    this.redis.close();
    await this.database.close();
    await this.traces.close();
  }
}

function isUp(check: { readonly status: 'up' | 'down' } | undefined): number {
  return check?.status === 'up' ? 1 : 0;
}

@Module({ providers: [Servers] })
class ConnectionsModule {}

/** Takes purchases, and hands the last of them to the queue before it goes. */
@Injectable()
class ApiRole implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly intake: OrderIntake,
    private readonly overload: Overload,
    private readonly figures: PublishFigures,
  ) {}

  onApplicationBootstrap(): void {
    this.overload.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.overload.stop();
    await this.intake.flush();
    await this.figures.stop();
  }
}

@Module({
  imports: [
    SalesApiModule,
    OrdersApiModule,
    PaymentsApiModule,
    LiveApiModule,
    SessionsApiModule,
    AdmissionApiModule,
    ReconciliationApiModule,
    ConnectionsModule,
  ],
  providers: [ApiRole],
})
class ApiRoleModule {}

/** Writes orders. */
@Injectable()
class WorkerRole implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly queues: Queues,
    private readonly batches: OrderBatches,
    private readonly figures: PublishFigures,
  ) {}

  onApplicationBootstrap(): void {
    this.queues.workOrders(workerConcurrency, (job) => this.batches.write(job.saleId, job.orderIds, job));
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.batches.stop(), this.queues.endWork()]);
    await this.figures.stop();
  }
}

@Module({ imports: [LiveModule, OrdersModule, ConnectionsModule], providers: [WorkerRole] })
class WorkerRoleModule {}

/** Runs the passes. */
@Injectable()
class ReconcilerRole implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly reconciler: Reconciler,
    private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    this.reconciler.start(this.config.reconcileIntervalMs);
  }

  onApplicationShutdown(): Promise<void> {
    return this.reconciler.stop();
  }
}

@Module({ imports: [ReconciliationModule], providers: [ReconcilerRole] })
class ReconcilerRoleModule {}

@Module({})
export class AppModule {
  /** The parts of Sluice that the configuration asks for. */
  static for(config: Config, logger: Logger, metrics: Metrics, traces: Traces): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ServersModule.for(config, logger, metrics, traces),
        ObservabilityModule.for(metrics),
        ConnectionsModule,
        ...(config.roles.has('api') ? [ApiRoleModule] : []),
        ...(config.roles.has('worker') ? [WorkerRoleModule] : []),
        ...(config.roles.has('reconciler') ? [ReconcilerRoleModule] : []),
      ],
    };
  }
}
