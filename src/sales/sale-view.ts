import { ApiProperty } from '@nestjs/swagger';
import { buyerFieldTypes, paymentModes, saleStatuses, type BuyerField, type Sale } from '../domain/index.js';
import { Choice, Flag, Integer, ListOf, Text, TextList, Timestamp, Uuid } from '../http/index.js';
import type { SaleFigures } from './sale-figures.js';

const maxCount = Number.MAX_SAFE_INTEGER;

class BuyerFieldView {
  @Text({ min: 1, max: 200 })
  name!: string;

  @Choice(buyerFieldTypes)
  type!: string;

  @Flag()
  required!: boolean;

  @Text({ min: 1, max: 200 })
  label!: string;

  @TextList({ optional: true, min: 1, max: 100, each: { min: 1, max: 200 } })
  choices?: string[];
}

export class TicketTypeView {
  @Uuid()
  id!: string;

  @Text({ min: 1, max: 200 })
  name!: string;

  @Integer({ min: 0, max: 1_000_000_000 })
  priceMinor!: number;

  @Text({ min: 3, max: 3 })
  currency!: string;

  @Integer({ min: 1, max: 10_000_000 })
  capacity!: number;

  @Integer({ min: 1, max: 100 })
  maxPerOrder!: number;

  @Integer({ min: 0, max: 10_000_000, description: 'tickets for sale; may be a second old' })
  available!: number;

  @Integer({ min: 0, max: 10_000_000, description: 'tickets of reserved orders; may be a second old' })
  held!: number;
}

/** A sale as everyone may see it. */
export class SaleView {
  @Uuid()
  id!: string;

  @Text({ min: 1, max: 200 })
  name!: string;

  @Choice(saleStatuses)
  status!: string;

  @Timestamp()
  opensAt!: string;

  @Timestamp()
  closesAt!: string;

  @Integer({ min: 1, max: 86_400 })
  holdSeconds!: number;

  @Integer({ min: 1, max: 1000 })
  maxPerBuyer!: number;

  @Choice(paymentModes)
  payment!: string;

  @ListOf(() => TicketTypeView, { min: 1, max: 50 })
  ticketTypes!: TicketTypeView[];

  @ListOf(() => BuyerFieldView, { min: 0, max: 50 })
  buyerFields!: readonly BuyerField[];

  @Flag({ description: 'nothing is available; holds that run out may change that' })
  soldOut!: boolean;

  @Timestamp({ description: 'the clock by which the sale opens and closes' })
  serverTime!: string;

  @Timestamp()
  createdAt!: string;

  @Timestamp()
  updatedAt!: string;
}

export class TicketTypeInventory {
  @Uuid()
  ticketTypeId!: string;

  @Integer({ min: 0, max: maxCount })
  capacity!: number;

  @Integer({ min: -maxCount, max: maxCount })
  available!: number;

  @Integer({ min: -maxCount, max: maxCount, description: 'in the outbox and not in Postgres' })
  queued!: number;

  @Integer({ min: 0, max: maxCount })
  reserved!: number;

  @Integer({ min: 0, max: maxCount })
  confirmed!: number;

  @Integer({ min: -maxCount, max: maxCount, description: 'capacity − available − queued − reserved − confirmed' })
  drift!: number;
}

/** Where every ticket of a sale is. */
export class InventoryView {
  @ListOf(() => TicketTypeInventory, { min: 1, max: 50 })
  ticketTypes!: TicketTypeInventory[];

  @Flag({ description: 'every drift is 0 and the sale is not recovering' })
  consistent!: boolean;
}

export class AuditView {
  @Uuid()
  id!: string;

  @Timestamp()
  at!: string;

  @Text({ min: 1, max: 200, description: 'name of the admin key, or `sluice`' })
  actor!: string;

  @Text({ min: 1, max: 200 })
  action!: string;

  @ApiProperty({ type: 'string', format: 'uuid', nullable: true })
  saleId!: string | null;

  @ApiProperty({ type: 'object', additionalProperties: true })
  details!: unknown;
}

export function viewSale(sale: Sale, figures: SaleFigures): SaleView {
  const ticketTypes = sale.ticketTypes.map(({ id, name, priceMinor, currency, capacity, maxPerOrder }) => ({
    id,
    name,
    priceMinor,
    currency,
    capacity,
    maxPerOrder,
    available: Math.max(0, figures.available.get(id) ?? 0),
    held: figures.held.get(id) ?? 0,
  }));
  return {
    id: sale.id,
    name: sale.name,
    status: sale.status,
    opensAt: sale.opensAt.toISOString(),
    closesAt: sale.closesAt.toISOString(),
    holdSeconds: sale.holdSeconds,
    maxPerBuyer: sale.maxPerBuyer,
    payment: sale.payment,
    ticketTypes,
    buyerFields: sale.buyerFields,
    soldOut: ticketTypes.every(({ available }) => available === 0),
    serverTime: new Date(Date.now() + figures.clockOffsetMs).toISOString(),
    createdAt: sale.createdAt.toISOString(),
    updatedAt: sale.updatedAt.toISOString(),
  };
}
