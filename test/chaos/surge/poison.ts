import { until } from '../../support/until.js';
import { inDatabase } from './database.js';

/** PostgreSQL may be away for a while. */
const patienceMs = 60_000;

/**
 * A trigger that refuses new holds of the sales in a table, with the SQLSTATE of a broken CHECK. It is there from the start: to make one
 * while orders are written would stop all sales. An order that is written already is not refused when its job comes again, as
 * none would be.
 */
const trap = `
  CREATE SCHEMA chaos;
  CREATE TABLE chaos.poisoned (sale_id uuid PRIMARY KEY);
  CREATE FUNCTION chaos.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (SELECT FROM chaos.poisoned WHERE sale_id = NEW.sale_id) AND NOT EXISTS (SELECT FROM orders WHERE id = NEW.id) THEN
      RAISE EXCEPTION 'poisoned' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER chaos_poison BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.status = 'reserved') EXECUTE FUNCTION chaos.refuse();`;

/** Has PostgreSQL refuse orders of single sales. */
export class Poison {
  constructor(private readonly databaseUrl: string) {}

  /** Once, before anything is sold. */
  async prepare(): Promise<void> {
    await inDatabase(this.databaseUrl, (client) => client.query(trap));
  }

  /** From now on every order of that sale is refused. */
  put(saleId: string): Promise<void> {
    return this.run('INSERT INTO chaos.poisoned VALUES ($1) ON CONFLICT DO NOTHING', saleId);
  }

  take(saleId: string): Promise<void> {
    return this.run('DELETE FROM chaos.poisoned WHERE sale_id = $1', saleId);
  }

  private async run(statement: string, saleId: string): Promise<void> {
    await until(() => inDatabase(this.databaseUrl, (client) => client.query(statement, [saleId])), {
      timeoutMs: patienceMs,
      intervalMs: 200,
    });
  }
}
