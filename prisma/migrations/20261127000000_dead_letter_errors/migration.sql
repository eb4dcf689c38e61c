-- Until now Postgres's own words were kept, which may quote what a buyer says of themselves, also after it was erased.
UPDATE "dead_letters" SET "error" = 'not kept: retry it to see why';

COMMENT ON COLUMN "dead_letters"."error" IS 'Which rule the order breaks: SQLSTATE, constraint, table, column, type';
