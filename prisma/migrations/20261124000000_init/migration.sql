CREATE TABLE "sales" (
  "id" UUID NOT NULL,
  "name" TEXT NOT NULL,
  "status" TEXT NOT NULL DEFAULT 'draft',
  "opens_at" TIMESTAMPTZ(3) NOT NULL,
  "closes_at" TIMESTAMPTZ(3) NOT NULL,
  "hold_seconds" INTEGER NOT NULL,
  "max_per_buyer" INTEGER NOT NULL,
  "payment" TEXT NOT NULL DEFAULT 'none',
  "currency" TEXT NOT NULL,
  "buyer_fields" JSONB NOT NULL DEFAULT '[]',
  "epoch" INTEGER NOT NULL DEFAULT 0,
  "creation_key" TEXT,
  "creation_hash" TEXT,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "sales_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "sales_status_check" CHECK ("status" IN ('draft', 'open', 'paused', 'closed')),
  CONSTRAINT "sales_payment_check" CHECK ("payment" IN ('none', 'webhook')),
  CONSTRAINT "sales_window_check" CHECK ("opens_at" < "closes_at"),
  CONSTRAINT "sales_limits_check" CHECK ("hold_seconds" BETWEEN 1 AND 86400 AND "max_per_buyer" BETWEEN 1 AND 1000)
);
CREATE UNIQUE INDEX "sales_creation_key_key" ON "sales" ("creation_key");
-- the reconciler looks for sales whose time is over
CREATE INDEX "sales_closing_idx" ON "sales" ("closes_at") WHERE "status" IN ('open', 'paused');

CREATE TABLE "ticket_types" (
  "id" UUID NOT NULL,
  "sale_id" UUID NOT NULL,
  "position" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "price_minor" INTEGER NOT NULL,
  "capacity" INTEGER NOT NULL,
  "taken" INTEGER NOT NULL DEFAULT 0,
  "max_per_order" INTEGER NOT NULL,
  CONSTRAINT "ticket_types_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "ticket_types_sale_id_fkey" FOREIGN KEY ("sale_id") REFERENCES "sales" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "ticket_types_price_check" CHECK ("price_minor" BETWEEN 0 AND 1000000000),
  CONSTRAINT "ticket_types_max_per_order_check" CHECK ("max_per_order" BETWEEN 1 AND 100),
  -- the second layer of the inventory: whatever Redis said, more than this is never sold
  CONSTRAINT "ticket_types_taken_check" CHECK ("taken" >= 0 AND "taken" <= "capacity" AND "capacity" BETWEEN 1 AND 10000000)
) WITH (fillfactor = 50); -- a hot row: room for its next versions on the same page
CREATE UNIQUE INDEX "ticket_types_sale_id_position_key" ON "ticket_types" ("sale_id", "position");

CREATE TABLE "orders" (
  "id" UUID NOT NULL,
  "sale_id" UUID NOT NULL,
  "buyer_id" TEXT NOT NULL,
  "status" TEXT NOT NULL,
  "reason" TEXT,
  "total_minor" BIGINT NOT NULL,
  "currency" TEXT NOT NULL,
  "answers" JSONB NOT NULL,
  "idempotency" TEXT,
  "body_hash" TEXT,
  "max_per_buyer" INTEGER NOT NULL,
  "hold_expires_at" TIMESTAMPTZ(3),
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "orders_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "orders_sale_id_fkey" FOREIGN KEY ("sale_id") REFERENCES "sales" ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "orders_status_check" CHECK ("status" IN ('reserved', 'confirmed', 'expired', 'cancelled', 'rejected')),
  CONSTRAINT "orders_reason_check" CHECK (
    ("status" = 'rejected') = ("reason" IS NOT NULL)
    AND "reason" IN ('sold_out', 'limit_exceeded', 'duplicate', 'not_durable', 'discarded')
  ),
  CONSTRAINT "orders_hold_check" CHECK ("status" <> 'reserved' OR "hold_expires_at" IS NOT NULL)
);
CREATE INDEX "orders_sale_id_id_idx" ON "orders" ("sale_id", "id");
CREATE INDEX "orders_sale_id_status_id_idx" ON "orders" ("sale_id", "status", "id");
CREATE INDEX "orders_sale_id_buyer_id_id_idx" ON "orders" ("sale_id", "buyer_id", "id");
-- one live order for each idempotency key: what Redis forgot, this remembers
CREATE UNIQUE INDEX "orders_idempotency_key" ON "orders" ("sale_id", "idempotency")
  WHERE "idempotency" IS NOT NULL AND "reason" IS DISTINCT FROM 'duplicate';
-- the reconciler looks for holds that ran out
CREATE INDEX "orders_expiring_idx" ON "orders" ("hold_expires_at") WHERE "status" = 'reserved';

CREATE TABLE "order_items" (
  "order_id" UUID NOT NULL,
  "ticket_type_id" UUID NOT NULL,
  "position" INTEGER NOT NULL,
  "quantity" INTEGER NOT NULL,
  "unit_price_minor" INTEGER NOT NULL,
  CONSTRAINT "order_items_pkey" PRIMARY KEY ("order_id", "ticket_type_id"),
  CONSTRAINT "order_items_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "orders" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "order_items_ticket_type_id_fkey" FOREIGN KEY ("ticket_type_id") REFERENCES "ticket_types" ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "order_items_quantity_check" CHECK ("quantity" BETWEEN 1 AND 100)
);

CREATE TABLE "buyer_totals" (
  "sale_id" UUID NOT NULL,
  "buyer_id" TEXT NOT NULL,
  "tickets" INTEGER NOT NULL,
  CONSTRAINT "buyer_totals_pkey" PRIMARY KEY ("sale_id", "buyer_id"),
  CONSTRAINT "buyer_totals_sale_id_fkey" FOREIGN KEY ("sale_id") REFERENCES "sales" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "buyer_totals_tickets_check" CHECK ("tickets" >= 0)
);

CREATE TABLE "stock_returns" (
  "id" BIGSERIAL NOT NULL,
  "sale_id" UUID NOT NULL,
  "order_id" UUID NOT NULL,
  "epoch" INTEGER NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "stock_returns_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "stock_returns_sale_id_fkey" FOREIGN KEY ("sale_id") REFERENCES "sales" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "stock_returns_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "orders" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "stock_returns_sale_id_id_idx" ON "stock_returns" ("sale_id", "id");

CREATE TABLE "dead_letters" (
  "id" UUID NOT NULL,
  "sale_id" UUID NOT NULL,
  "payload" TEXT NOT NULL,
  "error" TEXT NOT NULL,
  "attempts" INTEGER NOT NULL,
  "discarded" BOOLEAN NOT NULL DEFAULT false,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "dead_letters_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "dead_letters_sale_id_fkey" FOREIGN KEY ("sale_id") REFERENCES "sales" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "dead_letters_sale_id_idx" ON "dead_letters" ("sale_id");

CREATE TABLE "audit_log" (
  "id" UUID NOT NULL,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "actor" TEXT NOT NULL,
  "action" TEXT NOT NULL,
  "sale_id" UUID,
  "details" JSONB NOT NULL DEFAULT '{}',
  CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "audit_log_sale_id_id_idx" ON "audit_log" ("sale_id", "id");

COMMENT ON TABLE "sales" IS 'One on-sale: its window, its limits and the state it is in';
COMMENT ON TABLE "ticket_types" IS 'What a sale sells; taken counts the tickets of its reserved and confirmed orders';
COMMENT ON TABLE "orders" IS 'Every purchase that a worker has written; before that it is in the outbox in Redis';
COMMENT ON TABLE "order_items" IS 'How many of which ticket type an order has, at the price of that moment';
COMMENT ON TABLE "buyer_totals" IS 'Tickets of each buyer''s reserved and confirmed orders in a sale, for the limit';
COMMENT ON TABLE "stock_returns" IS 'Stock that Postgres gave back and Redis may not have yet: the outbox in the other direction';
COMMENT ON TABLE "dead_letters" IS 'Orders that Postgres refused, dead from the fifth time on; they stay in the outbox until someone retries or discards them';
COMMENT ON TABLE "audit_log" IS 'Who changed what and when; kept when the sale is deleted';
COMMENT ON COLUMN "sales"."epoch" IS 'Counts reloads and changes of the stock; Redis holds the same number or is reloaded';
COMMENT ON COLUMN "stock_returns"."epoch" IS 'The sale''s epoch when the stock came back; a reload has counted the returns of earlier epochs';
