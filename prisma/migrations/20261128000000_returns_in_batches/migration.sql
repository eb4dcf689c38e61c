-- Stock comes back to Redis in numbered batches, and both servers count what has gone through them since the last load.
ALTER TABLE "sales" ADD COLUMN "loaded_epoch" INTEGER NOT NULL DEFAULT 0, ADD COLUMN "return_batch" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "ticket_types" ADD COLUMN "written" BIGINT NOT NULL DEFAULT 0, ADD COLUMN "returned" BIGINT NOT NULL DEFAULT 0;
ALTER TABLE "stock_returns" DROP COLUMN "epoch", ADD COLUMN "batch" INTEGER;
-- the batch under way, and the return of one order
CREATE INDEX "stock_returns_batch_idx" ON "stock_returns" ("sale_id") WHERE "batch" IS NOT NULL;
CREATE INDEX "stock_returns_order_id_idx" ON "stock_returns" ("order_id");
-- Redis holds sales as they were held before: every sale is loaded anew, which also counts the returns that were under way
UPDATE "sales" SET "epoch" = "epoch" + 1 WHERE "archived_at" IS NULL;

COMMENT ON COLUMN "sales"."loaded_epoch" IS 'The epoch of the last load: Redis holds the same, or what comes back is not its business';
COMMENT ON COLUMN "sales"."return_batch" IS 'The number of the last batch of stock_returns';
COMMENT ON COLUMN "ticket_types"."written" IS 'Tickets of orders written since the last load, refused ones among them';
COMMENT ON COLUMN "ticket_types"."returned" IS 'Tickets given back or refused since the last load';
COMMENT ON COLUMN "stock_returns"."batch" IS 'Null: it waits for its batch. Else the batch that is on its way to Redis, of which there is one a sale';
