import { createHmac } from 'node:crypto';
import type { Answer, ApiClient, Headers } from './api-client.js';

export const webhookSecret = 'test-webhook-secret-of-some-length';
export const webhookPath = '/v1/payments/webhook';

/** The header of a payment provider that knows the secret. */
export function signed(
  body: string | Buffer,
  { secret = webhookSecret, at = Math.floor(Date.now() / 1000) }: { secret?: string; at?: number } = {},
): Headers {
  const signature = createHmac('sha256', secret).update(`${at}.`).update(body).digest('hex');
  return { 'content-type': 'application/json', 'sluice-signature': `t=${at},v1=${signature}` };
}

export interface PaymentEvent {
  readonly saleId: string;
  readonly orderId: string;
  readonly paymentReference: string;
  readonly type?: 'payment.succeeded' | 'payment.failed';
}

/** One webhook as the payment provider sends it. */
export function pay(api: ApiClient, event: PaymentEvent): Promise<Answer> {
  const raw = JSON.stringify({ type: 'payment.succeeded', ...event });
  return api.request('POST', webhookPath, { headers: signed(raw), raw });
}
