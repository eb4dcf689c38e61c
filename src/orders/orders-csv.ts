import { stringify } from 'csv-stringify/sync';
import type { Order, Sale } from '../domain/index.js';

/** How it is written: RFC 4180, and nothing that a spreadsheet would take for a formula (OWASP, "CSV Injection"). */
const form = {
  record_delimiter: 'windows',
  quote_record_delimiter: true,
  escape_formulas: true,
  cast: { boolean: String, date: (at: Date) => at.toISOString() },
} as const;

/** The orders of one sale as rows of a table: one for each order, with a column for each ticket type and each of the sale's fields. */
export class OrdersCsv {
  constructor(private readonly sale: Sale) {}

  header(): string {
    const { ticketTypes, buyerFields } = this.sale;
    return stringify(
      [
        [
          ...['id', 'status', 'reason', 'buyerId', 'createdAt', 'updatedAt', 'holdExpiresAt'],
          ...ticketTypes.map(({ name }) => name),
          ...['tickets', 'totalMinor', 'currency'],
          ...buyerFields.map(({ name }) => name),
        ],
      ],
      form,
    );
  }

  rows(orders: readonly Order[]): string {
    return stringify(
      orders.map((order) => this.row(order)),
      form,
    );
  }

  private row({ items, answers, ...order }: Order): unknown[] {
    const quantityOf = (ticketTypeId: string): number =>
      items.find((item) => item.ticketTypeId === ticketTypeId)?.quantity ?? 0;
    return [
      order.id,
      order.status,
      order.reason,
      order.buyerId,
      order.createdAt,
      order.updatedAt,
      order.holdExpiresAt,
      ...this.sale.ticketTypes.map(({ id }) => quantityOf(id)),
      items.reduce((sum, { quantity }) => sum + quantity, 0),
      order.totalMinor,
      order.currency,
      ...this.sale.buyerFields.map(({ name }) => (Object.hasOwn(answers, name) ? answers[name] : undefined)),
    ];
  }
}
