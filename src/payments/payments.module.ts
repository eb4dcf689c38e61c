import { Module } from '@nestjs/common';
import { OrdersApiModule, OrdersModule } from '../orders/index.js';
import { PaymentRepository } from './payment.repository.js';
import { PaymentsController, RefundsController } from './payments.controller.js';
import { TakePayment } from './take-payment.js';

@Module({
  imports: [OrdersModule, OrdersApiModule],
  controllers: [PaymentsController, RefundsController],
  providers: [PaymentRepository, TakePayment],
})
export class PaymentsApiModule {}
