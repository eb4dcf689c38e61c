import { Injectable } from '@nestjs/common';
import type { Sale } from '../domain/index.js';
import { StockStore, type Inspection } from '../inventory/index.js';

/** Where every ticket of one type is. */
export interface StockFigures {
  readonly ticketTypeId: string;
  readonly capacity: number;
  readonly available: number;
  /** in the outbox and not in Postgres */
  readonly queued: number;
  readonly taken: number;
  /** given back by Postgres, or refused by it, and not in Redis yet */
  readonly returning: number;
  /** capacity − available − queued − taken − returning: anything but 0 is stock that was lost or made up */
  readonly drift: number;
}

export interface StockReading {
  readonly figures: readonly StockFigures[];
  /** Redis has the sale, at Postgres's epoch, all keys of it, and nothing drifts */
  readonly well: boolean;
  /** Redis has the sale, at Postgres's epoch, and all keys of it */
  readonly sound: boolean;
  readonly inspection: Inspection;
}

/**
 * Reads a sale's stock in both stores: a few numbers a ticket type, however many orders are on their way. Exact where the gate was
 * held exclusively since the sale was read from Postgres: nobody writes orders or gives tickets back meanwhile.
 */
@Injectable()
export class StockReader {
  constructor(private readonly stock: StockStore) {}

  /** @throws DomainError `unavailable` */
  async read(sale: Sale): Promise<StockReading> {
    const inspection = inspectionOf(sale, await this.stock.inspect(sale.id));
    const figures = sale.ticketTypes.map(({ id, capacity, taken, written, returned }): StockFigures => {
      const available = inspection.available.get(id) ?? 0;
      // Never below 0: what Redis settled or gave back more often than Postgres said is a drift.
      const settling = Math.max(0, written - (inspection.settled.get(id) ?? 0));
      const returning = Math.max(0, returned - (inspection.returned.get(id) ?? 0));
      const queued = (inspection.queued.get(id) ?? 0) - settling;
      const drift = capacity - available - queued - taken - returning;
      return { ticketTypeId: id, capacity, available, queued, taken, returning, drift };
    });
    const sound = inspection.sound && inspection.epoch === sale.epoch;
    return { figures, sound, well: sound && figures.every(({ drift }) => drift === 0), inspection };
  }
}

/**
 * What Redis said of a sale. Of an archived one it has nothing, and nobody is at work: all that is not taken is there, and nothing
 * can drift.
 */
export function inspectionOf(sale: Sale, inspection: Inspection): Inspection {
  if (sale.archivedAt === null) return inspection;
  const by = (count: (type: Sale['ticketTypes'][number]) => number): ReadonlyMap<string, number> =>
    new Map(sale.ticketTypes.map((type) => [type.id, count(type)]));
  return {
    ...inspection,
    epoch: sale.epoch,
    sound: true,
    available: by(({ capacity, taken }) => capacity - taken),
    queued: new Map(),
    settled: by(({ written }) => written),
    returned: by(({ returned }) => returned),
    outboxSize: 0,
    oldestAt: null,
  };
}
