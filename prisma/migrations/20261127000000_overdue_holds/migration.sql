-- the reconciler looks for holds that ran out sale by sale, so that the crowd of one sale hides no other's
CREATE INDEX "orders_sale_id_overdue_idx" ON "orders" ("sale_id", "hold_expires_at") WHERE "status" = 'reserved';
DROP INDEX "orders_expiring_idx";
