import { Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Order } from '../domain/index.js';
import { Access, CurrentAdmin, Id, page, PageAnswer, Problems, type Admin, type Page } from '../http/index.js';
import { SaleQueries } from '../sales/index.js';
import { ClaimOrder } from './claim-order.js';
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
  ) {}

  @Get()
  @PageAnswer(OrderView, 'orders of the sale, newest first; queued ones are read from the outbox')
  @Problems('not_found')
  async list(@Id('saleId') saleId: string, @Query() query: OrdersQuery): Promise<Page<Order>> {
    const { limit, cursor, status, buyerId } = query;
    await this.sales.sale(saleId);
    const filter = { ...(status === undefined ? {} : { status }), ...(buyerId === undefined ? {} : { buyerId }) };
    return page(await this.orders.list(saleId, filter, cursor ?? null, limit), limit, ({ id }) => id);
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
