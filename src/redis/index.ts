export * from './change-feed.js';
export { Durability } from './durability.js';
export * from './keys.js';
export * from './redis-server.js';
export { runScript, type Script } from './script.js';
