export { DeadLetterRepository } from './dead-letter.repository.js';
export { EndHolds } from './end-holds.js';
export { OrderBatches } from './order-batches.js';
export { OrderIntake } from './order-intake.js';
export { OrderReader } from './order-reader.js';
export { OrderRepository, type LockedOrder } from './order.repository.js';
export { OrdersApiModule, OrdersModule } from './orders.module.js';
export { PersistOrders } from './persist-orders.js';
export { ReturnStock } from './return-stock.js';
