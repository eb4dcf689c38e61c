import { Module } from '@nestjs/common';
import { OrdersApiModule, OrdersModule } from '../orders/index.js';
import { FiguresStore } from './figures.store.js';
import { OpenStreams } from './open-streams.js';
import { OrderEventsController } from './order-events.controller.js';
import { OrderWatch } from './order-watch.js';
import { PublishFigures } from './publish-figures.js';
import { SaleEventsController } from './sale-events.controller.js';
import { SaleWatch } from './sale-watch.js';

/** What every process has to tell that takes or writes orders. */
@Module({
  imports: [OrdersModule],
  providers: [FiguresStore, PublishFigures],
  exports: [FiguresStore, PublishFigures],
})
export class LiveModule {}

@Module({
  imports: [LiveModule, OrdersModule, OrdersApiModule],
  controllers: [OrderEventsController, SaleEventsController],
  providers: [OpenStreams, OrderWatch, SaleWatch],
  exports: [LiveModule],
})
export class LiveApiModule {}
