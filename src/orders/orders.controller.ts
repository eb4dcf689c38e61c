import { Body, Controller, Get, HttpCode, Logger, Post, Query, Req, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LimitRequests } from '../admission/index.js';
import { DomainError, type Order } from '../domain/index.js';
import {
  Access,
  bodyHash,
  BuyerId,
  Id,
  IdempotencyKey,
  idempotencyField,
  OwnRequestId,
  page,
  PageAnswer,
  PageQuery,
  Problems,
  type Page,
} from '../http/index.js';
import { ticketsOf } from '../inventory/index.js';
import { newId } from '../observability/index.js';
import { SaleSnapshots } from '../sales/index.js';
import { ClaimOrder } from './claim-order.js';
import { OrderReader } from './order-reader.js';
import { OrderView, PurchaseBody, WaitQuery } from './order-view.js';
import { PurchaseOutcomes } from './purchase-outcomes.js';
import { PurchaseTickets } from './purchase-tickets.js';

@ApiTags('orders')
@Access('buyer')
@Controller('v1/sales/:saleId/orders')
export class OrdersController {
  private readonly logger = new Logger(OrdersController.name);

  constructor(
    private readonly purchases: PurchaseTickets,
    private readonly outcomes: PurchaseOutcomes,
    private readonly sales: SaleSnapshots,
    private readonly orders: OrderReader,
    private readonly claims: ClaimOrder,
    private readonly limits: LimitRequests,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiAcceptedResponse({ type: OrderView, description: 'the order will reach reserved or rejected, whatever crashes' })
  @Problems('not_found', 'idempotency_key_reused', 'recovering', 'sale_closed', 'sale_paused', 'sale_not_open')
  @Problems('sold_out', 'limit_exceeded', 'overloaded', 'payload_too_large', 'unsupported_media_type')
  purchase(
    @Id('saleId') saleId: string,
    @Body() body: PurchaseBody,
    @IdempotencyKey() key: string | undefined,
    @BuyerId() buyerId: string,
    @Req() { startedAt }: FastifyRequest,
    @OwnRequestId() ownId: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Order | DomainError> | DomainError {
    const purchase = this.outcomes.of({ saleId, startedAt }, () =>
      this.purchases.execute({
        orderId: ownId ?? newId(), // one id leads from the request to the row
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
      void reply.header('location', `/v1/sales/${saleId}/orders/${order.id}`).header('retry-after', '1');
      if (replayed) void reply.header('idempotency-replayed', 'true');
      else this.limits.chargeTickets(buyerId, ticketsOf(order));
      if (ownId === undefined || replayed) {
        this.logger.debug({ msg: 'order of a request', requestId: reply.request.id, saleId, orderId: order.id });
      }
      return order;
    });
  }

  @Get()
  @PageAnswer(OrderView, "the buyer's own orders in the sale, newest first")
  @Problems('not_found')
  async list(
    @Id('saleId') saleId: string,
    @BuyerId() buyerId: string,
    @Query() { limit, cursor }: PageQuery,
  ): Promise<Page<Order>> {
    const sale = await this.sales.get(saleId);
    return page(await this.orders.list(sale.id, { buyerId }, cursor ?? null, limit), limit, ({ id }) => id);
  }

  @Get(':orderId')
  @ApiOkResponse({ type: OrderView })
  @Problems('not_found', 'recovering')
  async find(
    @Id('saleId') saleId: string,
    @Id('orderId') orderId: string,
    @BuyerId() buyerId: string,
    @Query() { wait }: WaitQuery,
    @Req() request: FastifyRequest,
  ): Promise<Order> {
    if (wait === 0) return this.orders.findOwn(saleId, orderId, buyerId);
    const gone = new AbortController();
    request.raw.once('close', () => {
      if (request.raw.destroyed) gone.abort();
    });
    return this.orders.waitForOwn(saleId, orderId, buyerId, wait * 1000, gone.signal);
  }

  @Post(':orderId/confirm')
  @HttpCode(200)
  @ApiOkResponse({ type: OrderView })
  @Problems('not_found', 'payment_required', 'order_not_ready', 'hold_expired', 'order_cancelled', 'order_rejected')
  @Problems('recovering')
  confirm(@Id('saleId') saleId: string, @Id('orderId') orderId: string, @BuyerId() buyerId: string): Promise<Order> {
    return this.claims.confirm(saleId, orderId, buyerId);
  }

  @Post(':orderId/cancel')
  @HttpCode(200)
  @ApiOkResponse({ type: OrderView })
  @Problems('not_found', 'order_not_ready', 'hold_expired', 'already_confirmed', 'order_rejected', 'recovering')
  cancel(@Id('saleId') saleId: string, @Id('orderId') orderId: string, @BuyerId() buyerId: string): Promise<Order> {
    return this.claims.cancel(saleId, orderId, buyerId);
  }
}
