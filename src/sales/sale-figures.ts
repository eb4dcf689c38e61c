import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Sale } from '../domain/index.js';
import { StockStore } from '../inventory/index.js';
import { SaleRepository } from './sale.repository.js';

/** A sale's stock as the public may see it. */
export interface SaleFigures {
  readonly available: ReadonlyMap<string, number>;
  readonly held: ReadonlyMap<string, number>;
  /** Redis's clock minus ours, in ms */
  readonly clockOffsetMs: number;
}

const ttlMs = 1000;

/** Stock figures, at the most a second old, read once however many look. */
@Injectable()
export class SaleFiguresReader {
  private readonly cache = new LRUCache<string, SaleFigures, Sale>({
    max: 1000,
    ttl: ttlMs,
    ignoreFetchAbort: true,
    fetchMethod: (_id, _stale, { context: sale }) => this.load(sale),
  });

  constructor(
    private readonly stock: StockStore,
    private readonly sales: SaleRepository,
  ) {}

  /** @throws DomainError `unavailable` */
  async read(sale: Sale): Promise<SaleFigures> {
    // the epoch is part of the key: a change of capacity is seen at once by whoever made it
    return (await this.cache.fetch(`${sale.id} ${sale.epoch}`, { context: sale })) ?? this.load(sale);
  }

  private async load(sale: Sale): Promise<SaleFigures> {
    const [inspection, held] = await Promise.all([this.stock.inspect(sale.id), this.sales.held(sale.id)]);
    const available = inspection.sound
      ? inspection.available
      : // being reloaded, or closed long ago: Postgres knows what is left
        new Map(sale.ticketTypes.map((type) => [type.id, type.capacity - type.taken]));
    return { available, held, clockOffsetMs: inspection.now.getTime() - Date.now() };
  }
}
