export * from './buyer-fields.js';
export * from './errors.js';
export * from './ids.js';
export * from './order.js';
export * from './sale.js';
