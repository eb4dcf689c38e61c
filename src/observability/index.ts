export { type HealthCheck, HealthChecks } from './health.js';
export { LazyFigures } from './lazy-figures.js';
export { createLogger, type Logger } from './logger.js';
export type { Count, Distribution, Family } from './metric-cells.js';
export { Metrics, type MetricsSnapshot } from './metrics.js';
export { NestLogger } from './nest-logger.js';
export { ObservabilityModule } from './observability.module.js';
export { type Span, Traces } from './traces.js';
export { requestIdFrom } from './request-id.js';
