export { stopSharedPostgres } from './global-setup.js';
