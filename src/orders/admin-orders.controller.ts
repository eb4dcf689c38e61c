import { Controller, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Order } from '../domain/index.js';
import {
  Access,
  csvAnswer,
  CurrentAdmin,
  Id,
  page,
  PageAnswer,
  Problems,
  sendsCsv,
  wantsCsv,
  type Admin,
} from '../http/index.js';
import { SaleQueries } from '../sales/index.js';
import { ClaimOrder } from './claim-order.js';
import { ExportOrders } from './export-orders.js';
import { OrderReader } from './order-reader.js';
import { OrdersQuery, OrderView } from './order-view.js';

@ApiTags('admin: orders')
@Access('viewer')
@Controller('v1/admin/sales/:saleId/orders')
export class AdminOrdersController {
  constructor(
    private readonly sales: SaleQueries,
    private readonly orders: OrderReader,
    private readonly claims: ClaimOrder,
    private readonly exports: ExportOrders,
  ) {}

  @Get()
  @PageAnswer(
    OrderView,
    'orders of the sale, newest first; queued ones are read from the outbox. As CSV all of them: a row for each order, a column for each ticket type and each of the buyer fields',
    csvAnswer,
  )
  @Problems('not_found', 'recovering')
  async list(
    @Id('saleId') saleId: string,
    @Query() query: OrdersQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { limit, cursor, status, buyerId } = query;
    const filter = { ...(status === undefined ? {} : { status }), ...(buyerId === undefined ? {} : { buyerId }) };
    void reply.header('vary', 'Accept');
    if (wantsCsv(request)) {
      const csv = await this.exports.csv(saleId, filter);
      sendsCsv(reply, `orders-${saleId}.csv`);
      void reply.send(csv); // not by Nest, which would read ahead of a client that does not
      return;
    }
    await this.sales.sale(saleId);
    const orders = await this.orders.list(saleId, filter, cursor ?? null, limit);
    void reply.send(page(orders, limit, ({ id }) => id));
  }

  @Get(':orderId')
  @ApiOkResponse({ type: OrderView })
  @Problems('not_found', 'recovering')
  find(@Id('saleId') saleId: string, @Id('orderId') orderId: string): Promise<Order> {
    return this.orders.find(saleId, orderId);
  }

  @Post(':orderId/cancel')
  @Access('admin')
  @HttpCode(200)
  @ApiOkResponse({ type: OrderView })
  @Problems('not_found', 'order_not_ready', 'hold_expired', 'order_rejected', 'recovering')
  cancel(@Id('saleId') saleId: string, @Id('orderId') orderId: string, @CurrentAdmin() admin: Admin): Promise<Order> {
    return this.claims.cancelAsAdmin(saleId, orderId, admin.name);
  }
}
