import { STATUS_CODES } from 'node:http';

import type { FastifyReply, FastifyRequest } from 'fastify';

import { DomainError, type ErrorCode } from '../domain/index.js';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

/** How each refusal is answered. A code without a row does not compile. */
export const problemKinds: Readonly<Record<ErrorCode, ProblemKind>> = {
  validation_failed: { status: 400, title: 'The request is not valid' },
  malformed_json: { status: 400, title: 'The body is not JSON' },
  unauthenticated: { status: 401, title: 'A valid bearer token is required' },
  forbidden: { status: 403, title: 'Not allowed' },
  payment_required: { status: 403, title: 'The order has to be paid first' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  sold_out: { status: 409, title: 'Sold out' },
  limit_exceeded: { status: 409, title: 'The limit for each buyer is exceeded' },
  sale_not_open: { status: 409, title: 'The sale is not open' },
  sale_paused: { status: 409, title: 'The sale is paused' },
  sale_closed: { status: 409, title: 'The sale is closed' },
  hold_expired: { status: 409, title: 'The hold has expired' },
  order_not_ready: { status: 409, title: 'The order is still queued' },
  order_cancelled: { status: 409, title: 'The order is cancelled' },
  order_rejected: { status: 409, title: 'The order was rejected' },
  already_confirmed: { status: 409, title: 'The order is confirmed already' },
  capacity_below_taken: { status: 409, title: 'The capacity is less than what is taken' },
  invalid_transition: { status: 409, title: 'The status does not allow this step' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json in UTF-8' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key belongs to another request' },
  rate_limited: { status: 429, title: 'Too many requests' },
  overloaded: { status: 503, title: 'Overloaded' },
  unavailable: { status: 503, title: 'Unavailable for a moment' },
  recovering: { status: 503, title: 'Stock is being reloaded' },
  internal: { status: 500, title: 'Something went wrong on our side' },
};

export const problemMediaType = 'application/problem+json';

/** The `type` of a problem document: stable, and an identifier rather than an address (RFC 9457, section 3.1.1). */
function problemType(code: ErrorCode): string {
  return `urn:sluice:problem:${code}`;
}

/** The refusal as RFC 9457 wants it, with its facts as extension members. */
function problemDocument(
  refusal: DomainError,
  request: { readonly path: string; readonly id?: string },
  status = problemKinds[refusal.code].status,
): Record<string, unknown> {
  const kind = problemKinds[refusal.code];
  return {
    type: problemType(refusal.code),
    title: status === kind.status ? kind.title : STATUS_CODES[status],
    status,
    code: refusal.code,
    detail: refusal.message,
    instance: request.path,
    requestId: request.id,
    ...refusal.facts,
    retryAfterSeconds: undefined, // a header
  };
}

/** Seconds for the `Retry-After` header: as the refusal says, at least 1, and 1 where a 429 or 503 says nothing. */
function retryAfter(refusal: DomainError, status: number): string | undefined {
  const { retryAfterSeconds } = refusal.facts;
  if (retryAfterSeconds === undefined) return status === 429 || status === 503 ? '1' : undefined;
  return String(Math.max(1, Math.ceil(retryAfterSeconds)));
}

/** Sends the refusal as the answer. Does nothing when an answer is already on its way. */
export function sendProblem(refusal: DomainError, request: FastifyRequest, reply: FastifyReply): void {
  if (reply.sent) return;
  const { status } = problemKinds[refusal.code];
  const wait = retryAfter(refusal, status);
  if (wait !== undefined) reply.header('retry-after', wait);
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  reply
    .code(status)
    .header('x-request-id', request.id)
    .header('cache-control', 'no-store')
    .header('content-type', problemMediaType)
    .serializer(JSON.stringify) // with its own Fastify would add a charset to the media type
    .send(problemDocument(refusal, { path: pathOf(request.raw.url), id: request.id }));
}

/** A whole HTTP/1.1 answer for a request so broken that there is no reply object for it. Closes the connection. */
export function rawProblem(status: 400 | 408 | 413 | 431, detail: string): string {
  const body = JSON.stringify(problemDocument(new DomainError('validation_failed', detail), { path: '/' }, status));
  return [
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}`,
    `Content-Type: ${problemMediaType}`,
    `Content-Length: ${String(Buffer.byteLength(body))}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

/** The path of a request target: without the query, which may hold what is nobody's business. */
export function pathOf(target: string | undefined): string {
  const url = target ?? '/';
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}
