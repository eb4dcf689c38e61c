import { readFile } from 'node:fs/promises';
import { afterEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { migrate, MigrationError, readMigrations } from '../../src/postgres/migrate.js';
import { openSchemaEngine, SCHEMA_ENGINE_LOCK } from '../../src/postgres/schema-engine.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

const SCHEMA = new URL('../../prisma/schema.prisma', import.meta.url);

let database: TestDatabase;
let pool: pg.Pool;

async function given(options: { empty: boolean }): Promise<void> {
  database = await createTestDatabase(options);
  pool = new pg.Pool({ connectionString: database.url });
}

afterEach(async () => {
  await pool.end();
  await database.drop();
});

const migrationNames = async () =>
  (await readMigrations()).migrationsList.migrationDirectories.map((migration) => migration.path);

test('when ten processes migrate an empty database at once, then each migration is applied once and all succeed', async () => {
  await given({ empty: true });

  const results = await Promise.all(Array.from({ length: 10 }, () => migrate(database.url)));

  expect(results.flatMap((result) => result.applied)).toEqual(await migrationNames());
  const { rows } = await pool.query(
    'SELECT migration_name, finished_at IS NOT NULL AS finished FROM _prisma_migrations',
  );
  expect(rows).toEqual((await migrationNames()).map((name) => ({ migration_name: name, finished: true })));
});

test('when the database is up to date, then nothing is applied and no lock is left behind', async () => {
  await given({ empty: false });

  await expect(migrate(database.url)).resolves.toEqual({ applied: [] });

  const locks = await pool.query('SELECT 1 FROM pg_locks WHERE locktype = $1 AND objid = $2', [
    'advisory',
    SCHEMA_ENGINE_LOCK,
  ]);
  expect(locks.rowCount).toBe(0);
});

test('when a migration failed earlier, then its name and the way out are told', async () => {
  await given({ empty: false });
  await pool.query("UPDATE _prisma_migrations SET finished_at = NULL, logs = 'out of disk'");

  const [first] = await migrationNames();
  await expect(migrate(database.url)).rejects.toThrow(`migrate resolve --rolled-back ${String(first)}`);
});

test('when the database cannot be reached, then the message says which and never the password', async () => {
  await given({ empty: true });

  const error: unknown = await migrate('postgres://u:secret@127.0.0.1:1/tickets').catch((e: unknown) => e);

  expect(error).toBeInstanceOf(MigrationError);
  expect(String(error)).toContain('postgres://u@127.0.0.1:1/tickets: connect ECONNREFUSED');
  expect(String(error)).not.toContain('secret');
});

test('when the schema is turned into tables, then the migrations have made the same columns, keys and indexes', async () => {
  await given({ empty: false });
  const engine = await openSchemaEngine(pool);
  const files = [{ path: 'schema.prisma', content: await readFile(SCHEMA, 'utf8') }];
  const { stdout: sql } = await engine.diff({
    from: { tag: 'empty' },
    to: { tag: 'schemaDatamodel', files },
    script: true,
    exitCode: null,
    filters: { externalTables: [], externalEnums: [] },
  });
  await pool.query(`CREATE SCHEMA expected; SET search_path = expected; ${sql ?? ''}; RESET search_path`);

  expect(await columnsOf('public')).toEqual(await columnsOf('expected'));
  // The migrations may have more: checks, partial indexes.
  expect(await keysOf('public')).toEqual(expect.arrayContaining(await keysOf('expected')));
});

async function columnsOf(schema: string): Promise<unknown[]> {
  const { rows } = await pool.query<Record<string, unknown>>(
    `SELECT table_name, column_name, udt_name, datetime_precision, is_nullable,
            replace(column_default, $1 || '.', '') AS column_default
       FROM information_schema.columns
      WHERE table_schema = $1 AND table_name <> '_prisma_migrations'
      ORDER BY table_name, column_name`,
    [schema],
  );
  return rows;
}

async function keysOf(schema: string): Promise<unknown[]> {
  const { rows } = await pool.query<{ definition: string }>(
    `SELECT replace(conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid), $1 || '.', '') AS definition
       FROM pg_constraint WHERE connamespace = $1::regnamespace
      UNION ALL
     SELECT replace(indexdef, $1 || '.', '') FROM pg_indexes WHERE schemaname = $1
      ORDER BY 1`,
    [schema],
  );
  return rows.map((row) => row.definition);
}
