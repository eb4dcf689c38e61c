import { Global, Module, type DynamicModule } from '@nestjs/common';

import { HealthController } from './health.controller.js';
import { HealthChecks } from './health.js';
import { MetricsController } from './metrics.controller.js';
import { Metrics } from './metrics.js';

/** Health and metrics, for every role. Global, so that every room can add its own without importing this one. */
@Global()
@Module({})
export class ObservabilityModule {
  static for(metrics: Metrics): DynamicModule {
    return {
      module: ObservabilityModule,
      controllers: [HealthController, MetricsController],
      providers: [HealthChecks, { provide: Metrics, useValue: metrics }],
      exports: [HealthChecks, Metrics],
    };
  }
}
