import { Injectable } from '@nestjs/common';

import {
  checkAnswers,
  DomainError,
  invalidField,
  recovering,
  unavailable,
  type Answers,
  type Order,
  type OrderItem,
  type Sale,
} from '../domain/index.js';
import { StockStore, type QueuedOrder } from '../inventory/index.js';
import { Durability } from '../redis/index.js';
import { MendSales, SaleSnapshots } from '../sales/index.js';
import { LocalRefusals } from './local-refusals.js';
import { OrderIntake } from './order-intake.js';
import { OrderReader, queuedOrder } from './order-reader.js';
import { OrderRepository } from './order.repository.js';
import { Overload } from './overload.js';
import { refusal } from './refusal.js';

export interface PurchaseRequest {
  /** the id that the order will have: new, and never of the client's choice */
  readonly orderId: string;
  readonly saleId: string;
  readonly buyerId: string;
  readonly items: readonly { readonly ticketTypeId: string; readonly quantity: number }[];
  readonly answers: Readonly<Record<string, unknown>>;
  /** hashes of the buyer's idempotency key and of the body; null: no key came */
  readonly idempotency: { readonly field: string; readonly bodyHash: string } | null;
}

export interface PurchaseAnswer {
  readonly order: Order;
  readonly replayed: boolean;
}

/** Takes stock for one order. The same idempotency key is safe to retry. */
@Injectable()
export class PurchaseTickets {
  constructor(
    private readonly sales: SaleSnapshots,
    private readonly stock: StockStore,
    private readonly intake: OrderIntake,
    private readonly orders: OrderReader,
    private readonly written: OrderRepository,
    private readonly durability: Durability,
    private readonly mender: MendSales,
    private readonly refusals: LocalRefusals,
    private readonly overload: Overload,
  ) {}

  /**
   * What the sale refuses is returned, at once where this node knows it: to throw would cost half as much as all the rest.
   * @returns the order, or DomainError `idempotency_key_reused`, `overloaded`, `sale_closed`, `sale_paused`, `sale_not_open`,
   *   `sold_out`, `limit_exceeded`
   * @throws DomainError `not_found`, `validation_failed`, `recovering`; `unavailable`: the order may exist
   */
  execute(request: PurchaseRequest): Promise<PurchaseAnswer | DomainError> | DomainError {
    const sale = this.sales.fresh(request.saleId);
    if (sale !== undefined) return this.purchase(sale, request);
    return this.sales
      .get(request.saleId)
      .then<PurchaseAnswer | DomainError>((loaded) => this.purchase(loaded, request));
  }

  private purchase(sale: Sale, request: PurchaseRequest): Promise<PurchaseAnswer | DomainError> | DomainError {
    const items = checkedItems(sale, request);
    if (sale.archivedAt !== null) return this.fromArchive(sale.id, request);
    const overloaded = this.overload.refusal(sale.id);
    if (overloaded !== null) return this.replayOnly(request, overloaded);
    if (request.idempotency === null) {
      const known = this.refusals.find(sale, request);
      if (known !== null) return known;
    }
    return this.reserve(sale, newOrder(sale, request, items), request);
  }

  private async reserve(
    sale: Sale,
    order: QueuedOrder,
    request: PurchaseRequest,
  ): Promise<PurchaseAnswer | DomainError> {
    const outcome = await this.stock.reserve(sale.id, order);
    switch (outcome.kind) {
      case 'reserved': {
        if (!(await this.durability.passed())) {
          this.intake.reject(sale.id, order.id, 'not_durable'); // lost? then it is written, and its hold runs out
          throw notDurable();
        }
        this.intake.enqueue(sale.id, order.id); // dies before this line? the requeue pass finds it
        const entry = { ...order, takenAt: new Date(outcome.takenAtMs), maxPerBuyer: sale.maxPerBuyer };
        return { order: queuedOrder(sale.id, entry), replayed: false };
      }
      case 'replayed':
        return this.replay(sale.id, outcome.orderId);
      case 'recovering':
        this.mender.notice(sale.id);
        throw recovering();
      default: {
        const refused = refusal(outcome);
        this.refusals.note(sale, request, outcome, refused);
        return refused;
      }
    }
  }

  /** Of an archived sale Postgres knows the keys, and nothing is sold any more. */
  private async fromArchive(saleId: string, { idempotency }: PurchaseRequest): Promise<PurchaseAnswer | DomainError> {
    const bound = idempotency && (await this.written.ofKey(saleId, idempotency.field));
    if (bound === null) return refusal({ kind: 'closed' });
    if (bound.bodyHash !== idempotency?.bodyHash) return refusal({ kind: 'key-reused' });
    return this.replay(saleId, bound.id);
  }

  /** A replay takes nothing, so it is answered however full the outbox is; every new purchase is `refused`. */
  private async replayOnly(
    { saleId, idempotency }: PurchaseRequest,
    refused: DomainError,
  ): Promise<PurchaseAnswer | DomainError> {
    const bound = idempotency && (await this.stock.boundOrder(saleId, idempotency.field));
    if (bound === null) return refused;
    if (bound.bodyHash !== idempotency?.bodyHash) return refusal({ kind: 'key-reused' });
    return this.replay(saleId, bound.orderId);
  }

  /** One that is in Redis alone must be as safe as a new one: the first answer may have been that it was not. */
  private async replay(saleId: string, orderId: string): Promise<PurchaseAnswer> {
    const order = await this.orders.find(saleId, orderId);
    if (order.status === 'queued' && !(await this.durability.passed())) throw notDurable();
    return { order, replayed: true };
  }
}

function notDurable(): DomainError {
  return unavailable(new Error('the order was not made durable in time'));
}

function newOrder(sale: Sale, request: PurchaseRequest, items: readonly OrderItem[]): QueuedOrder {
  const { orderId, buyerId, answers, idempotency } = request;
  return {
    id: orderId,
    buyerId,
    items,
    totalMinor: items.reduce((sum, item) => sum + item.quantity * item.unitPriceMinor, 0),
    currency: sale.ticketTypes[0]?.currency ?? '',
    answers: answers as Answers,
    ...(idempotency === null ? {} : { idempotency: idempotency.field, bodyHash: idempotency.bodyHash }),
  };
}

/** The items with their prices, once they and the answers fit the sale. @throws DomainError `validation_failed` */
function checkedItems(sale: Sale, request: PurchaseRequest): OrderItem[] {
  const errors = checkAnswers(sale.buyerFields, request.answers);
  if (errors.length > 0) throw new DomainError('validation_failed', 'The answers do not fit the sale.', { errors });
  const seen = new Set<string>();
  return request.items.map(({ ticketTypeId, quantity }, index) => {
    const type = sale.ticketTypes.find(({ id }) => id === ticketTypeId);
    if (type === undefined) throw invalidField(`items[${index}].ticketTypeId`, 'is not a ticket type of this sale');
    if (seen.has(ticketTypeId)) throw invalidField(`items[${index}].ticketTypeId`, 'stands there twice');
    seen.add(ticketTypeId);
    if (quantity > type.maxPerOrder) {
      throw invalidField(`items[${index}].quantity`, `must be at most ${type.maxPerOrder}`);
    }
    return { ticketTypeId, quantity, unitPriceMinor: type.priceMinor };
  });
}
