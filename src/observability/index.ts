export { type HealthCheck, HealthChecks } from './health.js';
export { createLogger, type Logger } from './logger.js';
export { NestLogger } from './nest-logger.js';
export { ObservabilityModule } from './observability.module.js';
export { requestIdFrom } from './request-id.js';
