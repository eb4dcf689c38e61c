import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiExtraModels, ApiHeader, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Order, OrderStatus } from '../domain/index.js';
import { Access, BuyerId, eventFrame, Id, lastEventId, Problems } from '../http/index.js';
import { OrderReader, OrderView } from '../orders/index.js';
import { OpenStreams } from './open-streams.js';
import { OrderWatch } from './order-watch.js';

/** How far along its way an order is. From 2 on it is final. */
const steps: Readonly<Record<OrderStatus, number>> = {
  queued: 0,
  reserved: 1,
  confirmed: 2,
  expired: 2,
  cancelled: 2,
  rejected: 2,
};

@ApiTags('orders')
@Access('buyer')
@Controller('v1/sales/:saleId/orders')
export class OrderEventsController {
  constructor(
    private readonly streams: OpenStreams,
    private readonly orders: OrderReader,
    private readonly watch: OrderWatch,
  ) {}

  @Get(':orderId/events')
  @ApiExtraModels(OrderView)
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'id of the last event that was heard' })
  @ApiOkResponse({
    description:
      'Events `status`, for the current status and each change; the id is the status, the data an order. Ends after a final one.',
    content: { 'text/event-stream': { schema: { type: 'string' } } },
  })
  @ApiNoContentResponse({ description: 'Last-Event-ID names the final status: nothing more will come' })
  @Problems('not_found', 'recovering')
  async events(
    @Id('saleId') saleId: string,
    @Id('orderId') orderId: string,
    @BuyerId() buyerId: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const place = this.streams.placeOfBuyer(buyerId, reply);
    // what changes while the order is read must not be missed
    let hear = (_order: Order | null): void => undefined;
    let heardMeanwhile: Order | null | undefined;
    const stop = this.watch.listen(saleId, orderId, (order) => {
      heardMeanwhile = order;
      hear(order);
    });
    let told = statusOf(lastEventId(request));
    try {
      const order = await this.orders.findOwn(saleId, orderId, buyerId);
      if (order.status === told && steps[told] === 2) {
        stop();
        place.leave();
        void reply.code(204); // tells a browser not to come back
        return;
      }
      const stream = this.streams.open(place, reply);
      stream.onClose(stop);
      hear = (now) => {
        if (now === null) {
          stream.end(); // who comes back is told that there is none
          return;
        }
        const { status } = now;
        if (status === told || steps[status] < steps[told ?? 'queued']) return;
        told = status;
        this.streams.send(stream, eventFrame({ event: 'status', id: status, data: now }));
        if (steps[status] === 2) stream.end(); // what is sent to it from here on is dropped
      };
      hear(order);
      if (heardMeanwhile !== undefined) hear(heardMeanwhile);
    } catch (error) {
      stop();
      place.leave();
      throw error;
    }
  }
}

function statusOf(eventId: string | undefined): OrderStatus | undefined {
  return eventId !== undefined && Object.hasOwn(steps, eventId) ? (eventId as OrderStatus) : undefined;
}
