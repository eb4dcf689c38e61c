import { Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Order } from '../domain/index.js';
import { Access, BuyerId, Id, page, PageAnswer, PageQuery, Problems, type Page } from '../http/index.js';
import { SaleSnapshots } from '../sales/index.js';
import { ClaimOrder } from './claim-order.js';
import { OrderReader } from './order-reader.js';
import { OrderView } from './order-view.js';

/** What a buyer asks of orders beside the two hot routes, purchase and status (`hot-routes.ts`). */
@ApiTags('orders')
@Access('buyer')
@Controller('v1/sales/:saleId/orders')
export class OrdersController {
  constructor(
    private readonly sales: SaleSnapshots,
    private readonly orders: OrderReader,
    private readonly claims: ClaimOrder,
  ) {}

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
