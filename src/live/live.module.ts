import { Module } from '@nestjs/common';
import { OrdersApiModule } from '../orders/index.js';
import { OpenStreams } from './open-streams.js';
import { OrderEventsController } from './order-events.controller.js';
import { OrderWatch } from './order-watch.js';

@Module({
  imports: [OrdersApiModule],
  controllers: [OrderEventsController],
  providers: [OpenStreams, OrderWatch],
})
export class LiveApiModule {}
