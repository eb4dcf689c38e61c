export { LiveApiModule } from './live.module.js';
