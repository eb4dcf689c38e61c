import { ApiProperty } from '@nestjs/swagger';
import { Choice, Integer, Text, Timestamp, Uuid } from '../http/index.js';
import { paymentTypes, refundReasons, type PaymentType, type RefundReason } from './payment.repository.js';

/** What the payment provider tells. */
export class PaymentBody {
  @Choice(paymentTypes)
  type!: PaymentType;

  @Uuid()
  saleId!: string;

  @Uuid()
  orderId!: string;

  @Text({ min: 1, max: 255, description: "the provider's name for the payment" })
  paymentReference!: string;
}

/** A payment that is owed back. */
export class RefundView {
  @Uuid()
  id!: string;

  @Uuid()
  saleId!: string;

  @Uuid()
  orderId!: string;

  @Text({ min: 1, max: 255 })
  buyerId!: string;

  @Text({ min: 1, max: 255, description: "the provider's name for the payment" })
  paymentReference!: string;

  @Integer({ min: 0, max: Number.MAX_SAFE_INTEGER, description: "the order's total" })
  amountMinor!: number;

  @Text({ min: 3, max: 3 })
  currency!: string;

  @ApiProperty({
    enum: refundReasons,
    description:
      '`sold_out`, `limit_exceeded`: it came after the hold had expired, and the tickets were gone, or the buyer had others; ' +
      '`order_cancelled`, `order_rejected`: there is no order to pay for; `already_paid`: another payment came first',
  })
  reason!: RefundReason;

  @Timestamp({ description: 'when the payment came' })
  createdAt!: string;
}
