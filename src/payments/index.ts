export { PaymentsApiModule } from './payments.module.js';
