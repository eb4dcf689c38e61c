import { ApiProperty } from '@nestjs/swagger';
import { type Sale, saleStatuses, type SaleStatus } from '../domain/index.js';
import { Choice, Flag, Integer, ListOf, Timestamp, Uuid } from '../http/index.js';
import { balanceOf, type Inspection } from '../inventory/index.js';
import { quantileMs } from '../observability/index.js';
import type { Tally } from '../orders/index.js';
import { TicketTypeInventory } from '../sales/index.js';

const maxCount = Number.MAX_SAFE_INTEGER;

/** Told every second, also where there were none; other outcomes only where there were some. */
const usualOutcomes = [
  'accepted',
  'replayed',
  'sold_out',
  'limit_exceeded',
  'sale_not_open',
  'sale_paused',
  'sale_closed',
  'overloaded',
  'unavailable',
  'recovering',
  'invalid',
];

/** How long something took: milliseconds, at most 5 % wrong; null: nothing happened. */
class Latency {
  @ApiProperty({ type: 'number', nullable: true })
  p50Ms!: number | null;

  @ApiProperty({ type: 'number', nullable: true })
  p99Ms!: number | null;
}

class Latencies {
  @ApiProperty({ type: () => Latency, description: 'from the POST to its answer' })
  purchase!: Latency;

  @ApiProperty({ type: () => Latency, description: 'from the 202 to the commit' })
  commit!: Latency;
}

class Totals {
  @Integer({ min: 0, max: maxCount })
  accepted!: number;

  @Integer({ min: 0, max: maxCount })
  written!: number;
}

class Outbox {
  @Integer({ min: 0, max: maxCount })
  orders!: number;

  @Integer({ min: 0, max: maxCount, description: 'age of the oldest; 0: there is none' })
  oldestMs!: number;
}

/** A sale at one moment, and what the whole fleet did in it in the second before. */
export class SaleStats {
  @Uuid()
  saleId!: string;

  @Timestamp()
  at!: string;

  @Choice(saleStatuses)
  status!: SaleStatus;

  @Integer({
    min: 0,
    max: maxCount,
    description:
      'ms that the rates speak of: a multiple of 1000; 0 in the first event of a stream, which has no rates yet',
  })
  periodMs!: number;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'number' },
    description: 'purchases a second by what became of them: accepted, replayed, or the code of the refusal',
  })
  requests!: Readonly<Record<string, number>>;

  @ApiProperty({ type: 'number', description: 'orders committed a second' })
  written!: number;

  @ApiProperty({ type: () => Totals, description: 'since the sale began, or since Redis lost its data' })
  totals!: Totals;

  @ApiProperty({ type: () => Outbox })
  queue!: Outbox;

  @ApiProperty({ type: () => Latencies })
  latency!: Latencies;

  @ListOf(() => TicketTypeInventory, {
    min: 1,
    max: 50,
    description: 'as /inventory has it, but for drift: told once it has been the same for three seconds',
  })
  stock!: TicketTypeInventory[];

  @Flag({ description: 'every drift is 0 and the sale is not recovering' })
  consistent!: boolean;
}

/** What was read of a sale at one moment. */
export interface Reading {
  /** nominal, ms since epoch: a half second */
  readonly atMs: number;
  readonly tally: Tally;
  readonly inspection: Inspection;
  readonly sale: Sale;
  /** tickets of `reserved` orders by ticket type */
  readonly held: ReadonlyMap<string, number>;
}

/** @param before the reading before, or the same where there is none. @param drifts by ticket type, those that stay */
export function statsOf(now: Reading, before: Reading, drifts: ReadonlyMap<string, number>): SaleStats {
  const periodMs = now.atMs - before.atMs;
  const { sale, inspection, tally } = now;
  const grown = growth(tally, before.tally);
  const perSecond = (count: number): number => (periodMs === 0 ? 0 : (count * 1000) / periodMs);
  const requests = Object.fromEntries(usualOutcomes.map((outcome) => [outcome, 0]));
  for (const [outcome, count] of part(grown, 'outcome:')) {
    requests[outcome === 'validation_failed' ? 'invalid' : outcome] = perSecond(count);
  }
  const stock = sale.ticketTypes.map(({ id, capacity, taken }) => {
    const reserved = Math.min(taken, now.held.get(id) ?? 0);
    return {
      ticketTypeId: id,
      capacity,
      available: inspection.available.get(id) ?? 0,
      queued: inspection.queued.get(id) ?? 0,
      reserved,
      confirmed: taken - reserved,
      drift: drifts.get(id) ?? 0,
    };
  });
  const { oldestAt } = inspection;
  return {
    saleId: sale.id,
    at: inspection.now.toISOString(),
    status: sale.status,
    periodMs,
    requests,
    written: perSecond(grown.get('written') ?? 0),
    totals: { accepted: tally.get('outcome:accepted') ?? 0, written: tally.get('written') ?? 0 },
    queue: {
      orders: inspection.outboxSize,
      oldestMs: oldestAt === null ? 0 : Math.max(0, inspection.now.getTime() - oldestAt.getTime()),
    },
    latency: { purchase: latency(grown, 'purchase:'), commit: latency(grown, 'commit:') },
    stock,
    consistent: inspection.sound && drifts.size === 0,
  };
}

/** Tickets that Redis does not account for, by ticket type: a drift, or a change between the two readings. */
export function differences({ sale, inspection }: Reading): Map<string, number> {
  const found = sale.ticketTypes.map(({ id, capacity, taken, written, returned }): [string, number] => [
    id,
    capacity - taken + written - returned - balanceOf(inspection, id),
  ]);
  return new Map(found.filter(([, difference]) => difference !== 0));
}

/** By field. One that became smaller began anew: Redis had lost it. */
function growth(now: Tally, before: Tally): Tally {
  const grown: Tally = new Map();
  for (const [field, count] of now) {
    const was = before.get(field) ?? 0;
    grown.set(field, count >= was ? count - was : count);
  }
  return grown;
}

function part(tally: Tally, prefix: string): [string, number][] {
  return [...tally]
    .filter(([field]) => field.startsWith(prefix))
    .map(([field, count]) => [field.slice(prefix.length), count]);
}

function latency(grown: Tally, prefix: string): Latency {
  const counts = new Map(part(grown, prefix).map(([bucket, count]) => [Number(bucket), count]));
  return { p50Ms: quantileMs(counts, 0.5), p99Ms: quantileMs(counts, 0.99) };
}
