import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiTags } from '@nestjs/swagger';
import { Access, page, PageAnswer, PageQuery, Problems, type Page } from '../http/index.js';
import { PaymentBody, RefundView } from './payment-body.js';
import { PaymentRepository, type Refund } from './payment.repository.js';
import { TakePayment } from './take-payment.js';

@ApiTags('payments')
@Controller('v1/payments')
export class PaymentsController {
  constructor(private readonly payments: TakePayment) {}

  @Post('webhook')
  @Access('signature')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'it is written down; a repeat changes nothing' })
  @Problems('not_found', 'recovering')
  take(@Body() body: PaymentBody): Promise<void> {
    return this.payments.execute(body);
  }
}

@ApiTags('admin: refunds')
@Controller('v1/admin/refunds')
export class RefundsController {
  constructor(private readonly payments: PaymentRepository) {}

  @Get()
  @Access('viewer')
  @PageAnswer(RefundView, 'payments that are owed back, newest first')
  async list(@Query() { limit, cursor }: PageQuery): Promise<Page<Refund>> {
    return page(await this.payments.refunds(cursor ?? null, limit), limit, ({ id }) => id);
  }
}
