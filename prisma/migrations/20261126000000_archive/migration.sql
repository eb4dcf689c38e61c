ALTER TABLE "sales" ADD COLUMN "archived_at" TIMESTAMPTZ(3), ADD COLUMN "purged_at" TIMESTAMPTZ(3);
ALTER TABLE "sales" ADD CONSTRAINT "sales_archived_check"
  CHECK (("archived_at" IS NULL OR "status" = 'closed') AND ("purged_at" IS NULL OR "archived_at" IS NOT NULL));
-- the reconciler looks at every sale that Redis has, once a second, and at none that it no longer has
CREATE INDEX "sales_live_idx" ON "sales" ("id") WHERE "archived_at" IS NULL;
CREATE INDEX "sales_to_purge_idx" ON "sales" ("archived_at") WHERE "archived_at" IS NOT NULL AND "purged_at" IS NULL;

COMMENT ON COLUMN "sales"."archived_at" IS 'When Redis forgot the sale for good: it is closed, all its orders are here and none is reserved';
COMMENT ON COLUMN "sales"."purged_at" IS 'When its orders were deleted (RETENTION_DAYS); taken keeps what had been sold';
