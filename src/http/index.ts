export { Access } from './access.js';
export type { Admin } from './admin-keys.js';
export { createHttpApp } from './app.js';
export {
  Choice,
  Currency,
  Flag,
  FreeObject,
  Integer,
  ListOf,
  QueryInteger,
  QueryText,
  Text,
  TextList,
  Timestamp,
  Uuid,
} from './fields.js';
export { SessionsApiModule } from './guest-sessions.js';
export { bodyHash, idempotencyField } from './idempotency.js';
export { openApiDocument, Problems } from './openapi.js';
export { type Page, page, PageAnswer, PageQuery } from './paging.js';
export type { RequestLimits } from './request-limits.js';
export { HttpAdapter } from './server.js';
export { BuyerId, CurrentAdmin, Id, IdempotencyKey } from './route-input.js';
