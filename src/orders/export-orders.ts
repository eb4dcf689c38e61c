import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { SaleQueries } from '../sales/index.js';
import { OrderReader } from './order-reader.js';
import type { OrderFilter } from './order.repository.js';
import { OrdersCsv } from './orders-csv.js';

/** All orders of a sale as CSV, a part at a time, and no part before the reader has taken the one before. */
@Injectable()
export class ExportOrders {
  constructor(
    private readonly sales: SaleQueries,
    private readonly orders: OrderReader,
  ) {}

  /**
   * @throws DomainError `not_found`, `recovering`, `unavailable`; what is thrown later fails the stream
   */
  async csv(saleId: string, filter: OrderFilter): Promise<Readable> {
    const csv = new OrdersCsv(await this.sales.sale(saleId));
    const parts = this.orders.all(saleId, filter);
    const first = await parts.next(); // a server that is away is told of before the answer begins
    async function* text(): AsyncGenerator<string> {
      yield csv.header() + (first.done === true ? '' : csv.rows(first.value));
      for await (const orders of parts) yield csv.rows(orders);
    }
    return Readable.from(text(), { objectMode: false });
  }
}
