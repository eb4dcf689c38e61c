import { v7 as newId } from 'uuid';
import {
  DomainError,
  invalidField,
  saleSteps,
  type BuyerField,
  type PaymentMode,
  type Sale,
  type SaleStep,
  type TicketType,
} from '../domain/index.js';

/** A ticket type as an admin describes it. */
export interface TicketTypeInput {
  readonly name: string;
  readonly priceMinor: number;
  readonly currency: string;
  readonly capacity: number;
  readonly maxPerOrder: number;
}

/** A sale as an admin describes it; times are RFC 3339. */
export interface SaleInput {
  readonly name: string;
  readonly opensAt: string;
  readonly closesAt: string;
  readonly holdSeconds: number;
  readonly maxPerBuyer: number;
  readonly payment?: PaymentMode;
  readonly ticketTypes: readonly TicketTypeInput[];
  readonly buyerFields?: readonly BuyerField[];
}

/** What of a sale is to change; ticket types with an id change in place, those without replace all of a draft's. */
export interface SalePatch extends Partial<Omit<SaleInput, 'ticketTypes'>> {
  readonly ticketTypes?: readonly (Partial<TicketTypeInput> & { readonly id?: string })[];
}

/** A new draft. @throws DomainError `validation_failed` for what no single field shows */
export function newSale(input: SaleInput): Sale {
  const now = new Date();
  return checked({
    id: newId(),
    name: input.name,
    status: 'draft',
    opensAt: new Date(input.opensAt),
    closesAt: new Date(input.closesAt),
    holdSeconds: input.holdSeconds,
    maxPerBuyer: input.maxPerBuyer,
    payment: input.payment ?? 'none',
    buyerFields: input.buyerFields ?? [],
    ticketTypes: input.ticketTypes.map(newTicketType),
    epoch: 0,
    archivedAt: null,
    createdAt: now,
    updatedAt: now,
  });
}

/**
 * The sale after a patch. A draft takes every field; later only name, window, hold, limit and capacities may change.
 * @throws DomainError `validation_failed`
 */
export function patched(sale: Sale, patch: SalePatch): Sale {
  if (sale.status !== 'draft') {
    for (const field of ['payment', 'buyerFields'] as const) {
      if (patch[field] !== undefined) throw invalidField(field, 'can change only while the sale is a draft');
    }
  }
  return checked({
    ...sale,
    name: patch.name ?? sale.name,
    opensAt: patch.opensAt === undefined ? sale.opensAt : new Date(patch.opensAt),
    closesAt: patch.closesAt === undefined ? sale.closesAt : new Date(patch.closesAt),
    holdSeconds: patch.holdSeconds ?? sale.holdSeconds,
    maxPerBuyer: patch.maxPerBuyer ?? sale.maxPerBuyer,
    payment: patch.payment ?? sale.payment,
    buyerFields: patch.buyerFields ?? sale.buyerFields,
    ticketTypes: patch.ticketTypes === undefined ? sale.ticketTypes : patchedTypes(sale, patch.ticketTypes),
  });
}

/** The sale after one step of its life. @throws DomainError `invalid_transition` */
export function moved(sale: Sale, step: SaleStep): Sale {
  const { from, to } = saleSteps[step];
  if (!from.includes(sale.status)) {
    throw new DomainError('invalid_transition', `A sale that is ${sale.status} cannot ${step}.`);
  }
  return { ...sale, status: to };
}

function newTicketType(input: TicketTypeInput): TicketType {
  const { name, priceMinor, currency, capacity, maxPerOrder } = input;
  return { id: newId(), name, priceMinor, currency, capacity, taken: 0, written: 0, returned: 0, maxPerOrder };
}

function patchedTypes(sale: Sale, patches: NonNullable<SalePatch['ticketTypes']>): TicketType[] {
  if (sale.status === 'draft' && patches.every(({ id }) => id === undefined)) {
    return patches.map((patch, index) => newTicketType(complete(patch, index)));
  }
  const types = new Map(sale.ticketTypes.map((type) => [type.id, type]));
  const seen = new Set<string>();
  for (const [index, { id, ...fields }] of patches.entries()) {
    const path = `ticketTypes[${index}].id`;
    if (id === undefined) throw invalidField(path, 'is required');
    const type = types.get(id);
    if (type === undefined) throw invalidField(path, 'is not a ticket type of this sale');
    if (seen.has(id)) throw invalidField(path, 'stands there twice');
    seen.add(id);
    types.set(id, { ...type, ...(sale.status === 'draft' ? defined(fields) : capacityOnly(fields, index)) });
  }
  return [...types.values()];
}

function complete(patch: Partial<TicketTypeInput>, index: number): TicketTypeInput {
  for (const field of ['name', 'priceMinor', 'currency', 'capacity', 'maxPerOrder'] as const) {
    if (patch[field] === undefined) throw invalidField(`ticketTypes[${index}].${field}`, 'is required');
  }
  return patch as TicketTypeInput;
}

function capacityOnly(patch: Partial<TicketTypeInput>, index: number): Partial<TicketTypeInput> {
  for (const field of ['name', 'priceMinor', 'currency', 'maxPerOrder'] as const) {
    if (patch[field] !== undefined) {
      throw invalidField(`ticketTypes[${index}].${field}`, 'can change only while the sale is a draft');
    }
  }
  if (patch.capacity === undefined) throw invalidField(`ticketTypes[${index}].capacity`, 'is required');
  return { capacity: patch.capacity };
}

function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function checked(sale: Sale): Sale {
  if (sale.closesAt <= sale.opensAt) throw invalidField('closesAt', 'must be after opensAt');
  const [first] = sale.ticketTypes;
  const other = sale.ticketTypes.findIndex(({ currency }) => currency !== first?.currency);
  if (other >= 0) throw invalidField(`ticketTypes[${other}].currency`, 'must be the same for the whole sale');
  const names = new Set<string>();
  for (const [index, field] of sale.buyerFields.entries()) {
    if (names.has(field.name)) throw invalidField(`buyerFields[${index}].name`, 'stands there twice');
    names.add(field.name);
    // no JSON body can have it: parsers refuse what would poison a prototype
    if (field.name === '__proto__') throw invalidField(`buyerFields[${index}].name`, 'cannot be __proto__');
    if ((field.type === 'choice') !== (field.choices !== undefined)) {
      throw invalidField(`buyerFields[${index}].choices`, 'is required for the type choice and for no other');
    }
  }
  return sale;
}
