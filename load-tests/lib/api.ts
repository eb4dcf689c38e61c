import http, { type RefinedResponse } from 'k6/http';
import { pause } from './buyer.ts';
import { amount, baseUrl, saleId } from './environment.ts';
import { readMs, record, recordUnexpected, unwritten, writtenAfterMs, type Outcome } from './metrics.ts';

export type Answer = RefinedResponse<'text'>;

/** What `setup` hands to every virtual user. */
export interface Sale {
  readonly ticketTypeId: string;
}

export interface Purchase {
  readonly outcome: Outcome;
  /** empty: refused */
  readonly orderId: string;
  readonly answeredAt: number;
}

export const salePath = `/v1/sales/${saleId}`;
export const ordersPath = `${salePath}/orders`;

/** For `setup`: the sale's first ticket type is the one that all buy. @throws Error when the sale cannot be read */
export async function readSale(): Promise<Sale> {
  const answer = await call('GET', salePath);
  if (answer.status !== 200) throw new Error(`GET ${baseUrl}${salePath}: ${answer.status} ${answer.error}`);
  return { ticketTypeId: field(answer, 'ticketTypes.0.id') };
}

export function call(
  method: string,
  path: string,
  { token, body, headers }: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return http.asyncRequest(method, `${baseUrl}${path}`, body === undefined ? null : JSON.stringify(body), {
    responseType: 'text',
    headers: {
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
  });
}

/** One ticket for one buyer, tried once; counted by its outcome. The same key is the same purchase. */
export async function buy({ ticketTypeId }: Sale, token: string, key: string): Promise<Purchase> {
  const body = { items: [{ ticketTypeId, quantity: 1 }] };
  const answer = await call('POST', ordersPath, { token, body, headers: { 'Idempotency-Key': key } });
  const outcome = outcomeOf(answer);
  record(outcome, answer.timings.duration);
  return { outcome, orderId: answer.status === 202 ? field(answer, 'id') : '', answeredAt: Date.now() };
}

/** The status of an order; `wait` holds the answer so many seconds while it is queued. Empty: not readable, and counted. */
export async function statusOf(orderId: string, token: string, wait = 0): Promise<string> {
  const answer = await call('GET', `${ordersPath}/${orderId}${wait > 0 ? `?wait=${wait}` : ''}`, { token });
  if (wait === 0) readMs.add(answer.timings.duration);
  if (answer.status === 200) return field(answer, 'status');
  if (answer.status !== 429 && answer.status !== 503) recordUnexpected();
  return '';
}

/** How long a buyer waits for his order; together with the last wait below what k6 grants at the end of a run (30 s). */
const patienceMs = 1_000 * amount('PATIENCE_SECONDS', 20);

/**
 * Waits until the order is in PostgreSQL.
 * @returns its status, `queued` when it is still not there, which is counted, `refused` when there is none
 */
export async function untilWritten({ orderId, answeredAt }: Purchase, token: string): Promise<string> {
  if (orderId === '') return 'refused';
  for (let leftMs = patienceMs; leftMs > 0; leftMs = answeredAt + patienceMs - Date.now()) {
    const status = await statusOf(orderId, token, Math.min(10, Math.ceil(leftMs / 1_000)));
    if (status !== 'queued' && status !== '') {
      writtenAfterMs.add(Date.now() - answeredAt);
      return status;
    }
    if (status === '') await pause(1);
  }
  unwritten.add(1);
  return 'queued';
}

function outcomeOf(answer: Answer): Outcome {
  switch (answer.status) {
    case 202:
      return answer.headers['Idempotency-Replayed'] === 'true' ? 'replayed' : 'accepted';
    case 409:
      return refusal(field(answer, 'code'));
    case 429:
      return 'rate_limited';
    case 503:
      return 'overloaded';
    default:
      return 'unexpected';
  }
}

function refusal(code: string): Outcome {
  if (code === 'sold_out' || code === 'limit_exceeded') return code;
  return code.startsWith('sale_') ? 'not_on_sale' : 'unexpected';
}

/** A string of a JSON answer; empty when it is not there. */
function field(answer: Answer, path: string): string {
  const value = answer.json(path);
  return typeof value === 'string' ? value : '';
}
