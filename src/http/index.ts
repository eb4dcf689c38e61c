export type { PageFile } from './admin-pages.js';
export { Access } from './access.js';
export { type AdminSessions, keepSessionToken, sessionTokenOf } from './admin-cookie.js';
export type { Admin } from './admin-keys.js';
export { type Admission, createHttpApp } from './app.js';
export {
  Choice,
  Currency,
  Flag,
  FreeObject,
  Integer,
  isText,
  ListOf,
  QueryInteger,
  QueryText,
  Text,
  TextList,
  Timestamp,
  Uuid,
} from './properties.js';
export { SessionsApiModule } from './guest-sessions.js';
export { bodyHash, idempotencyField, idempotencyKeyOf } from './idempotency.js';
export { inputPipe, invalidInput } from './input.pipe.js';
export { type Operation, openApiDocument, problemAnswers, Problems, schemaOf } from './openapi.js';
export { type Page, page, PageAnswer, PageQuery } from './paging.js';
export type { RequestLimits } from './request-limits.js';
export { BuyerId, CurrentAdmin, Id, IdempotencyKey, idempotencyKeyHeader } from './request-decorators.js';
export { csvAnswer, sendsCsv, wantsCsv } from './csv.js';
export { eventFrame, EventStream, lastEventId } from './event-stream.js';
