import type {
  Order as DomainOrder,
  Sale as DomainSale,
  TicketType as DomainTicketType,
} from '../../src/domain/index.js';

/** As JSON has it: times are text. */
type Text<T> = T extends Date ? string : T;
type Sent<T> = { readonly [Field in keyof T]: Text<T[Field]> };

/** What the API sends (docs/openapi.json); money is in minor units. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

export type Order = Sent<DomainOrder>;

export interface TicketType extends Omit<DomainTicketType, 'taken'> {
  readonly available: number;
}

/** What buyers and administrators see of a sale. */
export type SaleFields = Sent<
  Pick<DomainSale, 'id' | 'name' | 'status' | 'opensAt' | 'closesAt' | 'maxPerBuyer' | 'payment' | 'buyerFields'>
>;
