import { Module } from '@nestjs/common';
import { AdmissionModule } from '../admission/index.js';
import { SalesModule } from '../sales/index.js';
import { AdminOrdersController } from './admin-orders.controller.js';
import { BuyersController } from './buyers.controller.js';
import { ClaimOrder } from './claim-order.js';
import { DeadLetterRepository } from './dead-letter.repository.js';
import { DeadLettersController } from './dead-letters.controller.js';
import { EndHolds } from './end-holds.js';
import { EraseAnswers } from './erase-answers.js';
import { ExportOrders } from './export-orders.js';
import { HotRoutes } from './hot-routes.js';
import { LocalRefusals } from './local-refusals.js';
import { OrderBatches } from './order-batches.js';
import { OrderChanges } from './order-changes.js';
import { OrderIntake } from './order-intake.js';
import { OrderMarks } from './order-marks.js';
import { OrderMetrics } from './order-metrics.js';
import { OrderReader } from './order-reader.js';
import { OrderRepository } from './order.repository.js';
import { OrdersController } from './orders.controller.js';
import { Overload } from './overload.js';
import { PersistOrders } from './persist-orders.js';
import { PurchaseOutcomes } from './purchase-outcomes.js';
import { PurchaseTickets } from './purchase-tickets.js';
import { ResolveDeadLetter } from './resolve-dead-letter.js';
import { ReturnStock } from './return-stock.js';
import { SaleTallies } from './sale-tallies.js';

/** Orders without their HTTP routes: what workers and the reconciler need of them. */
@Module({
  imports: [SalesModule],
  providers: [
    OrderRepository,
    DeadLetterRepository,
    PersistOrders,
    OrderBatches,
    EndHolds,
    ReturnStock,
    OrderMarks,
    OrderMetrics,
    SaleTallies,
  ],
  exports: [
    OrderRepository,
    DeadLetterRepository,
    PersistOrders,
    OrderBatches,
    EndHolds,
    ReturnStock,
    OrderMarks,
    SaleTallies,
    SalesModule,
  ],
})
export class OrdersModule {}

@Module({
  imports: [OrdersModule, AdmissionModule],
  controllers: [OrdersController, AdminOrdersController, DeadLettersController, BuyersController],
  providers: [
    OrderChanges,
    OrderReader,
    OrderIntake,
    LocalRefusals,
    Overload,
    PurchaseOutcomes,
    PurchaseTickets,
    ClaimOrder,
    ResolveDeadLetter,
    EraseAnswers,
    ExportOrders,
    HotRoutes,
  ],
  exports: [OrderChanges, OrderIntake, OrderReader, Overload],
})
export class OrdersApiModule {}
