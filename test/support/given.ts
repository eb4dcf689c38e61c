import type pg from 'pg';
import { admin, buyer, type Answer, type ApiClient, type Body } from './api-client.js';

export interface SaleOptions {
  readonly name?: string;
  /** one ticket type for each */
  readonly capacities?: readonly number[];
  readonly holdSeconds?: number;
  readonly maxPerBuyer?: number;
  readonly maxPerOrder?: number;
  readonly payment?: 'none' | 'webhook';
  readonly buyerFields?: readonly object[];
  readonly opensAt?: Date;
  readonly closesAt?: Date;
}

export interface GivenSale {
  readonly id: string;
  /** ids of its ticket types, in the order of the capacities */
  readonly types: readonly string[];
  /** path of the sale's orders */
  readonly orders: string;
  /** path of the sale for admins */
  readonly admin: string;
}

const hourMs = 3_600_000;

/** The body of a valid sale. */
export function saleBody(options: SaleOptions = {}): Record<string, unknown> {
  const { capacities = [10], holdSeconds = 600, maxPerBuyer = 4, maxPerOrder = 4, payment, buyerFields } = options;
  return {
    name: options.name ?? 'A concert',
    opensAt: (options.opensAt ?? new Date(Date.now() - hourMs)).toISOString(),
    closesAt: (options.closesAt ?? new Date(Date.now() + hourMs)).toISOString(),
    holdSeconds,
    maxPerBuyer,
    ...(payment === undefined ? {} : { payment }),
    ...(buyerFields === undefined ? {} : { buyerFields }),
    ticketTypes: capacities.map((capacity, i) => ({
      name: `Type ${i + 1}`,
      priceMinor: 1000 * (i + 1),
      currency: 'EUR',
      capacity,
      maxPerOrder,
    })),
  };
}

export async function draftSale(api: ApiClient, options: SaleOptions = {}): Promise<GivenSale> {
  const { body } = expectStatus(201, await api.post('/v1/admin/sales', admin, saleBody(options)));
  const { id, ticketTypes } = body;
  return {
    id,
    types: ticketTypes.map((type) => type.id),
    orders: `/v1/sales/${id}/orders`,
    admin: `/v1/admin/sales/${id}`,
  };
}

export async function openSale(api: ApiClient, options: SaleOptions = {}): Promise<GivenSale> {
  const sale = await draftSale(api, options);
  expectStatus(200, await api.post(`${sale.admin}/open`, admin));
  return sale;
}

export interface PurchaseOptions {
  /** quantity of each ticket type, in order; default: one of the first */
  readonly quantities?: readonly number[];
  readonly key?: string;
  readonly answers?: object;
}

/** One purchase by one buyer. */
export function purchase(
  api: ApiClient,
  sale: GivenSale,
  buyerId: string,
  { quantities = [1], key, answers }: PurchaseOptions = {},
): Promise<Answer> {
  const items = sale.types
    .map((ticketTypeId, i) => ({ ticketTypeId, quantity: quantities[i] ?? 0 }))
    .filter(({ quantity }) => quantity > 0);
  const headers = { ...buyer(buyerId), ...(key === undefined ? {} : { 'idempotency-key': key }) };
  return api.post(sale.orders, headers, { items, ...(answers === undefined ? {} : { answers }) });
}

/** A purchase that must be accepted, and that a worker has written. @returns the order, `reserved` unless it was rejected */
export async function writtenOrder(
  api: ApiClient,
  sale: GivenSale,
  buyerId: string,
  options: PurchaseOptions = {},
): Promise<{ id: string; status: string; path: string }> {
  const { body } = expectStatus(202, await purchase(api, sale, buyerId, options));
  const path = `${sale.orders}/${body.id}`;
  const answer = expectStatus(200, await api.get(`${path}?wait=10`, buyer(buyerId)));
  const { id, status } = answer.body;
  return { id, status, path };
}

export function expectStatus(status: number, answer: Answer): Answer {
  if (answer.status !== status)
    throw new Error(`expected ${status}, got ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer;
}

/** Runs one reconciliation on this node. @returns what it did */
export async function reconcile(api: ApiClient): Promise<Body> {
  return expectStatus(200, await api.post('/v1/admin/reconciliations', admin)).body;
}

/** Where every ticket of a sale is, one entry for each ticket type. */
export async function inventoryOf(api: ApiClient, sale: GivenSale): Promise<Body['ticketTypes']> {
  return expectStatus(200, await api.get(`${sale.admin}/inventory`, admin)).body.ticketTypes;
}

/** Lets an order's hold run out in so many milliseconds, by Postgres's clock; now by default. */
export async function endHold(sql: pg.Pool, orderId: string, inMs = 0): Promise<void> {
  const text = `UPDATE orders SET hold_expires_at = clock_timestamp() + $2 * interval '1 millisecond' WHERE id = $1`;
  await sql.query(text, [orderId, inMs]);
}

/** Reads a list from its first page to its last. @returns the pages */
export async function everyPage(
  api: ApiClient,
  path: string,
  headers: Readonly<Record<string, string>>,
  limit: number,
): Promise<Body['data'][]> {
  const pages: Body['data'][] = [];
  const query = `${path}${path.includes('?') ? '&' : '?'}limit=${limit}`;
  for (let next: string | null = ''; next !== null;) {
    const answer: Answer = await api.get(next === '' ? query : `${query}&cursor=${next}`, headers);
    pages.push(expectStatus(200, answer).body.data);
    next = answer.body.nextCursor;
  }
  return pages;
}

/** `n` results of a function of 0 to n−1. */
export function times<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

/** @throws Error unless it is refused so, in a problem document */
export function expectRefusal({ status, body, headers }: Answer, expected: number, code: string): void {
  const told = `${status} ${body.code} ${String(headers['content-type'])}`;
  const wanted = `${expected} ${code} application/problem+json`;
  if (told !== wanted) throw new Error(`expected ${wanted}, got ${told}: ${JSON.stringify(body)}`);
}
