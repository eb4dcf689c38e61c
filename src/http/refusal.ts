import { HttpException } from '@nestjs/common';

import { DomainError, type ErrorCode } from '../domain/index.js';

const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_BAD_URL: 'not_found',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
  FST_STATIC_FORBIDDEN_PATH: 'not_found',
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
};

const statusCodes: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  503: 'unavailable',
};

const details: Partial<Record<ErrorCode, string>> = {
  validation_failed: 'The request could not be read.',
  malformed_json: 'The body is not valid JSON.',
  unauthenticated: 'Send a valid token in the header Authorization: Bearer.',
  forbidden: 'This is not allowed.',
  not_found: 'There is nothing here.',
  method_not_allowed: 'This method is not allowed here.',
  payload_too_large: 'The body is larger than is allowed here.',
  unsupported_media_type: 'The body must be application/json in UTF-8, without a content encoding.',
  rate_limited: 'Too many requests. Wait as long as Retry-After says.',
  unavailable: 'The service is unavailable for a moment. Try again.',
  internal: 'The request failed. The fault is on our side; the request id helps to find it.',
};

/** A refusal with its usual text. */
export function refuse(code: keyof typeof details, retryAfterSeconds?: number): DomainError {
  return new DomainError(code, details[code] ?? code, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}

/**
 * What to answer to an error from anywhere: our own refusals as they are; those of Nest, Fastify and the JSON parser by
 * what they mean; a request cut off in the middle as not valid; everything else is `internal`, and tells nothing.
 */
export function refusalOf(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  if (error instanceof HttpException) return refuse(codeOfStatus(error.getStatus()));
  if (!(error instanceof Error)) return refuse('internal');

  const { code, statusCode } = error as Error & { code?: unknown; statusCode?: unknown };
  if (typeof code === 'string' && code.startsWith('FST_')) {
    const known = frameworkCodes[code];
    if (known !== undefined) return refuse(known);
    return refuse(codeOfStatus(typeof statusCode === 'number' ? statusCode : 500));
  }
  // secure-json-parse throws this, marked by Fastify, for what is no JSON and for __proto__ and constructor.prototype
  if (error instanceof SyntaxError && statusCode === 400) return refuse('malformed_json');
  // Fastify marks what the request's stream fails with: the client is gone
  if (code === 'ECONNRESET' && statusCode === 400) return refuse('validation_failed');
  return refuse('internal');
}

function codeOfStatus(status: number): ErrorCode {
  return statusCodes[status] ?? (status >= 400 && status < 500 ? 'validation_failed' : 'internal');
}
