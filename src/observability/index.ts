export { type HealthCheck, HealthChecks } from './health.js';
export { bucketOf, quantileMs } from './latency-buckets.js';
export { LazyFigures } from './lazy-figures.js';
export { createLogger, type Logger } from './logger.js';
export type { Count, Distribution, Family } from './metric-cells.js';
export { Metrics, type MetricsSnapshot } from './metrics.js';
export { NestLogger } from './nest-logger.js';
export { ObservabilityModule } from './observability.module.js';
export { requestIdFrom } from './request-id.js';
