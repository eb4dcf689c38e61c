import { ApiProperty } from '@nestjs/swagger';
import { orderStatuses, rejectReasons } from '../domain/index.js';
import {
  Choice,
  FreeObject,
  Integer,
  isText,
  ListOf,
  PageQuery,
  QueryInteger,
  QueryText,
  Text,
  Timestamp,
  Uuid,
} from '../http/index.js';

class OrderItemView {
  @Uuid()
  ticketTypeId!: string;

  @Integer({ min: 1, max: 100 })
  quantity!: number;

  @Integer({ min: 0, max: 1_000_000_000 })
  unitPriceMinor!: number;
}

/** An order as its buyer and admins see it. */
export class OrderView {
  @Uuid()
  id!: string;

  @Uuid()
  saleId!: string;

  @Text({ min: 1, max: 255 })
  buyerId!: string;

  @Choice(orderStatuses)
  status!: string;

  @Choice(rejectReasons, { optional: true, description: 'only of a rejected order' })
  reason?: string;

  @ListOf(() => OrderItemView, { min: 1, max: 10 })
  items!: OrderItemView[];

  @Integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
  totalMinor!: number;

  @Text({ min: 3, max: 3 })
  currency!: string;

  @ApiProperty({ type: 'object', additionalProperties: true })
  answers!: unknown;

  @Timestamp({ optional: true, description: 'when the hold runs out; only of a reserved order' })
  holdExpiresAt?: string;

  @Timestamp()
  createdAt!: string;

  @Timestamp()
  updatedAt!: string;
}

class PurchaseItemBody {
  @Uuid()
  ticketTypeId!: string;

  @Integer({ min: 1, max: 100 })
  quantity!: number;
}

export class PurchaseBody {
  @ListOf(() => PurchaseItemBody, { min: 1, max: 10, description: 'all or nothing, each ticket type once' })
  items!: PurchaseItemBody[];

  @FreeObject({ optional: true, description: "by the sale's buyerFields" })
  answers?: Record<string, unknown>;
}

export class WaitQuery {
  @QueryInteger({ min: 0, max: 30, default: 0, description: 'seconds to wait until the order is no longer queued' })
  wait = 0;
}

export class OrdersQuery extends PageQuery {
  @QueryText({
    expected: `one of ${orderStatuses.join(', ')}`,
    read: (text) => orderStatuses.find((status) => status === text),
  })
  status?: (typeof orderStatuses)[number];

  @QueryText({
    expected: 'a text of 1 to 255 characters',
    read: (text) => (isText(text, { min: 1, max: 255 }) ? text : undefined),
  })
  buyerId?: string;
}
