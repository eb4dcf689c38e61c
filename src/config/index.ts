export * from './config.js';
export { type RateLimit, type RateLimits, RateLimitsFileError } from './rate-limits.js';
