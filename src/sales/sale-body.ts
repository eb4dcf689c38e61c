import { buyerFieldTypes, paymentModes, type BuyerField, type PaymentMode } from '../domain/index.js';
import { Choice, Flag, Integer, ListOf, Text, TextList, Timestamp, Uuid, Currency } from '../http/index.js';

const nameLength = { min: 1, max: 200 };
const price = { min: 0, max: 1_000_000_000, description: 'in minor units of the currency' };
const capacity = { min: 1, max: 10_000_000 };
const maxPerOrder = { min: 1, max: 100 };
const holdSeconds = { min: 1, max: 86_400 };
const maxPerBuyer = { min: 1, max: 1000 };
const ticketTypes = { min: 1, max: 50 };
const buyerFields = { min: 0, max: 50 };
const optional = { optional: true } as const;

class BuyerFieldBody {
  @Text({ ...nameLength, description: 'the key in `answers`' })
  name!: string;

  @Choice(buyerFieldTypes)
  type!: BuyerField['type'];

  @Flag()
  required!: boolean;

  @Text(nameLength)
  label!: string;

  @TextList({ ...optional, min: 1, max: 100, each: nameLength, description: 'for the type `choice` alone' })
  choices?: string[];
}

class TicketTypeBody {
  @Text(nameLength)
  name!: string;

  @Integer(price)
  priceMinor!: number;

  @Currency()
  currency!: string;

  @Integer(capacity)
  capacity!: number;

  @Integer(maxPerOrder)
  maxPerOrder!: number;
}

/** A ticket type to change, by its id; in a draft also a new one, without. */
class TicketTypePatch {
  @Uuid(optional)
  id?: string;

  @Text({ ...optional, ...nameLength })
  name?: string;

  @Integer({ ...optional, ...price })
  priceMinor?: number;

  @Currency(optional)
  currency?: string;

  @Integer({ ...optional, ...capacity })
  capacity?: number;

  @Integer({ ...optional, ...maxPerOrder })
  maxPerOrder?: number;
}

export class CreateSaleBody {
  @Text(nameLength)
  name!: string;

  @Timestamp()
  opensAt!: string;

  @Timestamp()
  closesAt!: string;

  @Integer({ ...holdSeconds, description: 'how long a reserved order waits for its claim' })
  holdSeconds!: number;

  @Integer({ ...maxPerBuyer, description: 'tickets of the queued, reserved and confirmed orders of one buyer' })
  maxPerBuyer!: number;

  @Choice(paymentModes, optional)
  payment?: PaymentMode;

  @ListOf(() => TicketTypeBody, ticketTypes)
  ticketTypes!: TicketTypeBody[];

  @ListOf(() => BuyerFieldBody, { ...optional, ...buyerFields })
  buyerFields?: BuyerFieldBody[];
}

/** A draft takes every field; later only name, window, hold, limit and capacities may change. All or none. */
export class PatchSaleBody {
  @Text({ ...optional, ...nameLength })
  name?: string;

  @Timestamp(optional)
  opensAt?: string;

  @Timestamp(optional)
  closesAt?: string;

  @Integer({ ...optional, ...holdSeconds })
  holdSeconds?: number;

  @Integer({ ...optional, ...maxPerBuyer })
  maxPerBuyer?: number;

  @Choice(paymentModes, optional)
  payment?: PaymentMode;

  @ListOf(() => TicketTypePatch, { ...optional, ...ticketTypes })
  ticketTypes?: TicketTypePatch[];

  @ListOf(() => BuyerFieldBody, { ...optional, ...buyerFields })
  buyerFields?: BuyerFieldBody[];
}
