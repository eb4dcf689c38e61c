CREATE TABLE "confirmed_tickets" (
  "ticket_type_id" UUID NOT NULL,
  "id" BIGSERIAL NOT NULL,
  "tickets" INTEGER NOT NULL,
  CONSTRAINT "confirmed_tickets_pkey" PRIMARY KEY ("ticket_type_id", "id")
);

COMMENT ON TABLE "confirmed_tickets" IS 'What confirmations changed, and sums of what they had changed before: for each ticket type they add up to its confirmed tickets. No foreign key: its check would lock the ticket type';

-- A trigger: a node of an older version confirms orders, too, while a new one is rolled out.
CREATE FUNCTION "note_confirmation"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO confirmed_tickets (ticket_type_id, tickets)
  SELECT ticket_type_id, CASE NEW.status WHEN 'confirmed' THEN quantity ELSE -quantity END
  FROM order_items WHERE order_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER "orders_confirmation" AFTER UPDATE OF "status" ON "orders" FOR EACH ROW
  WHEN (OLD.status <> NEW.status AND 'confirmed' IN (OLD.status, NEW.status))
  EXECUTE FUNCTION "note_confirmation"();

-- After the trigger, whose creation has waited for every change under way: none is counted twice, none is missed.
INSERT INTO "confirmed_tickets" ("ticket_type_id", "tickets")
SELECT i.ticket_type_id, sum(i.quantity) FROM orders o JOIN order_items i ON i.order_id = o.id
WHERE o.status = 'confirmed' GROUP BY i.ticket_type_id;
