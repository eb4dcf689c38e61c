export { Queues, type OrdersJob, type Carriers } from './queues.js';
