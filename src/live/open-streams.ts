import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { DomainError } from '../domain/index.js';
import { EventStream } from '../http/index.js';
import { Metrics, type Count, type Family } from '../observability/index.js';

/** Proxies drop a connection that says nothing, commonly after 30 to 60 s. */
const heartbeatMs = 15_000;
const lookEveryMs = 1000;
/** What Node may hold for a client that does not read, beside what the systems on the way hold. */
const maxWaitingBytes = 64 * 1024;
/** Clients of a node that stops come back within this span, not all at once. */
const reconnectMs = { least: 500, most: 2500 };
const busyForSeconds = 5;

/** Below what a server takes of connections, so that there is always room for requests. */
const maxOrderStreams = 12_000;
const maxSaleStreams = 200;
/** One buyer with this many tabs has lost the overview. */
const maxStreamsOfBuyer = 10;

type Kind = 'order' | 'sale';

/** A place for one stream. It is taken before anything is asked of a server. */
interface Place {
  /** Gives it back; safe to repeat. */
  readonly leave: () => void;
}

/** All event streams of this node: how many there may be, their heartbeats, and their end. */
@Injectable()
export class OpenStreams implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly streams = new Set<EventStream>();
  private readonly places: Record<Kind, number> = { order: 0, sale: 0 };
  private readonly placesOfBuyers = new Map<string, number>();
  private readonly dropped: Family<Count>;
  private heart: NodeJS.Timeout | undefined;
  private stopping = false;

  constructor(metrics: Metrics) {
    const acrossProcesses = 'sum';
    metrics.gauges(
      {
        order_streams: { help: 'Open event streams of orders', acrossProcesses },
        sale_streams: { help: 'Open event streams of sale figures', acrossProcesses },
      },
      () => ({ order_streams: this.places.order, sale_streams: this.places.sale }),
    );
    this.dropped = metrics.counters({
      name: 'streams_dropped_total',
      help: 'Event streams that were cut off or refused: slow, limit_buyer, limit_node',
      labels: ['reason'],
    });
  }

  onApplicationBootstrap(): void {
    this.heart = setInterval(() => {
      this.beat();
    }, lookEveryMs);
  }

  /** A place for a buyer's stream. @throws DomainError `rate_limited`, `overloaded` */
  placeOfBuyer(buyerId: string, reply: FastifyReply): Place {
    const taken = this.placesOfBuyers.get(buyerId) ?? 0;
    if (taken >= maxStreamsOfBuyer) {
      this.dropped.at('limit_buyer').add();
      const of = (header: string, item: string): string =>
        [reply.getHeader(header), item].filter((part) => part !== undefined).join(', ');
      void reply
        .header('x-ratelimit-type', 'local-buyer')
        .header('ratelimit-policy', of('ratelimit-policy', `"streams";q=${maxStreamsOfBuyer};qu="concurrent-requests"`))
        .header('ratelimit', of('ratelimit', `"streams";r=0;t=${busyForSeconds}`));
      throw new DomainError('rate_limited', `You have ${taken} streams open. Close one.`, {
        retryAfterSeconds: busyForSeconds,
      });
    }
    const place = this.place('order', maxOrderStreams, reply, () => {
      const left = (this.placesOfBuyers.get(buyerId) ?? 0) - 1;
      if (left > 0) this.placesOfBuyers.set(buyerId, left);
      else this.placesOfBuyers.delete(buyerId);
    });
    this.placesOfBuyers.set(buyerId, taken + 1);
    return place;
  }

  /** A place for a stream of sale figures. @throws DomainError `overloaded` */
  placeOfAdmin(reply: FastifyReply): Place {
    return this.place('sale', maxSaleStreams, reply, () => undefined);
  }

  /** Begins a stream; its place is left when it closes. On a node that stops it ends once its first event is out. */
  open(place: Place, reply: FastifyReply): EventStream {
    const { least, most } = reconnectMs;
    const stream = new EventStream(reply, Math.round(least + Math.random() * (most - least)));
    this.streams.add(stream);
    stream.onClose(() => {
      this.streams.delete(stream);
      place.leave();
    });
    if (this.stopping) {
      setImmediate(() => {
        stream.end();
      });
    }
    return stream;
  }

  /** Sends, unless the client is so slow that it is cut off: it comes back and hears what is then. */
  send(stream: EventStream, frame: string): void {
    if (stream.waitingBytes <= maxWaitingBytes) {
      stream.send(frame);
      return;
    }
    this.dropped.at('slow').add();
    stream.destroy();
  }

  /** Their clients were told when to come back: elsewhere, or here once this node is back. */
  beforeApplicationShutdown(): void {
    this.stopping = true;
    clearInterval(this.heart);
    for (const stream of this.streams) stream.end();
  }

  private place(kind: Kind, most: number, reply: FastifyReply, left: () => void): Place {
    if (this.places[kind] >= most) {
      this.dropped.at('limit_node').add();
      void reply.header('x-ratelimit-type', 'local-global');
      throw new DomainError('overloaded', 'There are too many streams open here. Wait as long as Retry-After says.', {
        retryAfterSeconds: busyForSeconds,
      });
    }
    this.places[kind] += 1;
    let taken = true;
    const leave = (): void => {
      if (!taken) return;
      taken = false;
      this.places[kind] -= 1;
      left();
    };
    return { leave };
  }

  /** A comment for every stream that has been still for long. They opened at different times, so few are due at once. */
  private beat(): void {
    const dueMs = performance.now() - heartbeatMs;
    for (const stream of this.streams) if (stream.lastSentAtMs < dueMs) this.send(stream, ':\n\n');
  }
}
