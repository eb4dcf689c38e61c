CREATE TABLE "payments" (
  "id" UUID NOT NULL,
  "sale_id" UUID NOT NULL,
  "order_id" UUID NOT NULL,
  "type" TEXT NOT NULL,
  "reference" TEXT NOT NULL,
  "refund_reason" TEXT,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "payments_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "payments_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "orders" ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "payments_type_check" CHECK ("type" IN ('payment.succeeded', 'payment.failed')),
  CONSTRAINT "payments_refund_reason_check" CHECK (
    "refund_reason" IS NULL
    OR "type" = 'payment.succeeded'
      AND "refund_reason" IN ('sold_out', 'limit_exceeded', 'order_cancelled', 'order_rejected', 'already_paid')
  )
);
-- a webhook that comes again is known
CREATE UNIQUE INDEX "payments_order_id_type_reference_key" ON "payments" ("order_id", "type", "reference");
-- whatever comes at once, an order is paid by one payment at the most
CREATE UNIQUE INDEX "payments_paid_once_key" ON "payments" ("order_id")
  WHERE "type" = 'payment.succeeded' AND "refund_reason" IS NULL;
-- the list of refunds, newest first
CREATE INDEX "payments_refunds_idx" ON "payments" ("id") WHERE "refund_reason" IS NOT NULL;

COMMENT ON TABLE "payments" IS 'What the payment provider told of orders: each payment once, and why it has to be paid back if it has';
COMMENT ON COLUMN "payments"."reference" IS 'The provider''s own name for the payment';
COMMENT ON COLUMN "payments"."refund_reason" IS 'Null: it paid for the order, or failed';
