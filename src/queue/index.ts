export { Queues, type OrdersJob } from './queues.js';
