import { Injectable, Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LimitRequests } from '../admission/index.js';
import { DomainError, isId, notFound, type Order } from '../domain/index.js';
import {
  bodyHash,
  idempotencyField,
  idempotencyKeyHeader,
  idempotencyKeyOf,
  inputPipe,
  invalidInput,
  problemAnswers,
  schemaOf,
  type Operation,
} from '../http/index.js';
import { ticketsOf } from '../inventory/index.js';
import { newId } from '../observability/index.js';
import { OrderReader } from './order-reader.js';
import { OrderView, PurchaseBody, WaitQuery } from './order-view.js';
import { PurchaseOutcomes } from './purchase-outcomes.js';
import { PurchaseTickets } from './purchase-tickets.js';

interface Purchase {
  readonly Params: { readonly saleId: string };
  readonly Body: PurchaseBody;
}

interface Status {
  readonly Params: { readonly saleId: string; readonly orderId: string };
  readonly Querystring: { readonly wait?: string };
}

/** An integer from 0 to 30 as `WaitQuery` reads it. */
const waitSchema = {
  type: 'object',
  properties: { wait: { type: 'string', pattern: '^(?:[12]?\\d|30)$' } },
  additionalProperties: false,
};

/**
 * The two routes that a surge consists of, purchase and order status, as plain Fastify routes. The gate (`http/routes.ts`) comes
 * before them as before every route. Then a schema compiled from the DTO judges the input, and one compiled from the view
 * writes the answer; Nest is asked only to say what is wrong with an input, in the words of every other route.
 *
 * What it saves, in processor time of the API for one request under 64 connections, against the same handlers as Nest routes with the
 * ValidationPipe: a sold-out answer takes 53 µs instead of 98, a status read 77 to 92 instead of 113 to 153 (median runs of `reject`
 * and `fanout`, read from /proc). The written order costs 0.8 µs instead of 2.7 with JSON.stringify.
 */
@Injectable()
export class HotRoutes {
  private readonly logger = new Logger('Orders');

  constructor(
    private readonly purchases: PurchaseTickets,
    private readonly outcomes: PurchaseOutcomes,
    private readonly orders: OrderReader,
    private readonly limits: LimitRequests,
  ) {}

  addTo(app: NestFastifyApplication): void {
    const instance = app.getHttpAdapter().getInstance();
    const order = schemaOf(app, OrderView);
    instance.route<Purchase>({
      method: 'POST',
      url: '/v1/sales/:saleId/orders',
      config: {
        declaration: { access: 'buyer', input: () => ({ body: true, query: false }) },
        operation: purchaseOperation,
      },
      schema: { body: schemaOf(app, PurchaseBody), response: { 202: order } },
      attachValidation: true,
      handler: (request, reply) => this.purchase(request, reply),
    });
    instance.route<Status>({
      method: 'GET',
      url: '/v1/sales/:saleId/orders/:orderId',
      config: {
        declaration: { access: 'buyer', input: () => ({ body: false, query: true }) },
        operation: statusOperation,
      },
      schema: { querystring: waitSchema, response: { 200: order } },
      attachValidation: true,
      handler: (request) => this.status(request),
    });
  }

  /** What the sale refuses is returned rather than thrown, at once where this node knows it. */
  private purchase(request: FastifyRequest<Purchase>, reply: FastifyReply): Promise<Order | DomainError> | DomainError {
    const { body, buyerId, id, startedAt, validationError } = request;
    if (validationError !== undefined) return explain(body, { type: 'body', metatype: PurchaseBody });
    const key = idempotencyKeyOf(request.raw);
    const { saleId } = request.params;
    if (!isId(saleId)) return notFound('sale');
    // a request id that was made here is new and nobody's choice: then one id leads from the request to the row
    const isOwnId = request.raw.headers['x-request-id'] !== id;
    const purchase = this.outcomes.of({ saleId, startedAt }, () =>
      this.purchases.execute({
        orderId: isOwnId ? id : newId(),
        saleId,
        buyerId,
        items: body.items,
        answers: body.answers ?? {},
        idempotency: key === undefined ? null : { field: idempotencyField(buyerId, key), bodyHash: bodyHash(body) },
      }),
    );
    if (purchase instanceof DomainError) return purchase;
    return purchase.then((answer) => {
      if (answer instanceof DomainError) return answer;
      const { order, replayed } = answer;
      void reply.code(202).header('location', `/v1/sales/${saleId}/orders/${order.id}`).header('retry-after', '1');
      if (replayed) void reply.header('idempotency-replayed', 'true');
      else this.limits.chargeTickets(buyerId, ticketsOf(order));
      if (!isOwnId || replayed) {
        this.logger.debug({ msg: 'order of a request', requestId: id, saleId, orderId: order.id });
      }
      return order;
    });
  }

  private status(request: FastifyRequest<Status>): Promise<Order> {
    const { buyerId, params, query, raw, validationError } = request;
    if (validationError !== undefined) return explain(query, { type: 'query', metatype: WaitQuery });
    const { saleId, orderId } = params;
    if (!isId(saleId)) throw notFound('sale');
    if (!isId(orderId)) throw notFound('order');
    const waitMs = Number(query.wait ?? 0) * 1000;
    if (waitMs === 0) return this.orders.findOwn(saleId, orderId, buyerId);
    const gone = new AbortController();
    raw.once('close', () => {
      if (raw.destroyed) gone.abort();
    });
    return this.orders.waitForOwn(saleId, orderId, buyerId, waitMs, gone.signal);
  }
}

/** Rejects with what the pipe of all other routes finds wrong with an input that a schema has refused. */
async function explain(input: unknown, as: Parameters<typeof inputPipe.transform>[1]): Promise<never> {
  await inputPipe.transform(input, as);
  throw invalidInput([{ path: '', message: 'is not valid' }]);
}

const saleIdParameter = {
  in: 'path',
  name: 'saleId',
  required: true,
  schema: { type: 'string', format: 'uuid' },
} as const;
const orderAnswer = { 'application/json': { schema: { $ref: getSchemaPath(OrderView) } } };

const purchaseOperation: Operation = {
  models: [PurchaseBody, OrderView],
  object: {
    operationId: 'Orders.purchase',
    tags: ['orders'],
    security: [{ buyer: [] }],
    parameters: [saleIdParameter, { in: 'header', ...idempotencyKeyHeader }],
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { $ref: getSchemaPath(PurchaseBody) } } },
    },
    responses: {
      202: { description: 'the order will reach reserved or rejected, whatever crashes', content: orderAnswer },
      ...problemAnswers('validation_failed', 'unauthenticated', 'not_found', 'idempotency_key_reused'),
      ...problemAnswers('sold_out', 'limit_exceeded', 'sale_closed', 'sale_paused', 'sale_not_open'),
      ...problemAnswers('rate_limited', 'overloaded', 'recovering', 'unavailable'),
    },
  },
};

const statusOperation: Operation = {
  models: [OrderView],
  object: {
    operationId: 'Orders.find',
    tags: ['orders'],
    security: [{ buyer: [] }],
    parameters: [
      saleIdParameter,
      { ...saleIdParameter, name: 'orderId' },
      {
        in: 'query',
        name: 'wait',
        required: false,
        description: 'seconds to wait until the order is no longer queued',
        schema: { type: 'integer', minimum: 0, maximum: 30, default: 0 },
      },
    ],
    responses: {
      200: { description: '', content: orderAnswer },
      ...problemAnswers('validation_failed', 'unauthenticated', 'not_found', 'rate_limited'),
      ...problemAnswers('recovering', 'overloaded', 'unavailable'),
    },
  },
};
