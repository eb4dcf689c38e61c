export * from './config.js';
export type { RateLimit, RateLimits } from './rate-limits.js';
