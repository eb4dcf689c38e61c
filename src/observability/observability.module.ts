import { Global, Module } from '@nestjs/common';

import { HealthController } from './health.controller.js';
import { HealthChecks } from './health.js';

/** Health, for every role. Global, so that a platform module can add its check without importing this one. */
@Global()
@Module({ controllers: [HealthController], providers: [HealthChecks], exports: [HealthChecks] })
export class ObservabilityModule {}
