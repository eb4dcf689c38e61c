import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import type { ApplyMigrationsInput } from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';
import { openSchemaEngine, SCHEMA_ENGINE_LOCK } from './schema-engine.js';

const MIGRATIONS = new URL('../../prisma/migrations/', import.meta.url);

/** Long enough for a migration that rewrites a large table in another process; then something hangs. */
const LOCK_TIMEOUT_MS = 600_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** The database could not be brought up to date. The message is one line for a person; it never holds the password. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/**
 * Applies the pending migrations of prisma/migrations in order, each in a transaction of its own, and keeps
 * `_prisma_migrations` as `prisma migrate deploy` does. Any number of processes may call it at once: one works, the others
 * wait and find nothing to do. Migrations that only the database knows are left alone, so an older build still starts.
 *
 * @param databaseUrl `postgres://` or `postgresql://`; PgBouncer in transaction mode will do
 * @returns names of the migrations applied by this call, oldest first; none if the database was up to date
 * @throws MigrationError when the database cannot be reached, when a migration fails and, until somebody has resolved
 *   it with `prisma migrate resolve`, ever after. Safe to retry
 */
export async function migrate(databaseUrl: string): Promise<{ applied: string[] }> {
  if (!URL.canParse(databaseUrl) || !/^postgres(ql)?:$/.test(new URL(databaseUrl).protocol)) {
    throw new MigrationError('DATABASE_URL is not a postgres:// URL');
  }
  return underLock(databaseUrl, async () => {
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
    pool.on('error', () => undefined); // a connection that broke while idle: the next query says so
    try {
      const engine = await openSchemaEngine(pool);
      const { appliedMigrationNames } = await engine.applyMigrations(await readMigrations());
      return { applied: appliedMigrationNames };
    } catch (error) {
      throw new MigrationError(explain(error), { cause: error });
    } finally {
      await pool.end();
    }
  });
}

/** The migrations as the schema engine reads them. */
export async function readMigrations(): Promise<ApplyMigrationsInput> {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const read = (path: string) => readFile(new URL(path, MIGRATIONS), 'utf8');
  return {
    migrationsList: {
      baseDir: fileURLToPath(MIGRATIONS),
      lockfile: { path: 'migration_lock.toml', content: await read('migration_lock.toml') },
      shadowDbInitScript: '',
      migrationDirectories: await Promise.all(
        names.sort().map(async (path) => ({
          path,
          migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: await read(`${path}/migration.sql`) } },
        })),
      ),
    },
    filters: { externalTables: [], externalEnums: [] },
  };
}

/** Holds the lock in a transaction on a connection of its own: PgBouncer may not tell a session's lock from another's. */
async function underLock<T>(databaseUrl: string, work: () => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined); // the query under way, or the next, rejects with it
  try {
    try {
      await client.connect();
      await client.query('BEGIN');
      await client.query('SET LOCAL statement_timeout = 0');
      await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
      await client.query(`SET LOCAL lock_timeout = ${String(LOCK_TIMEOUT_MS)}`);
      await client.query(`SELECT pg_advisory_xact_lock(${String(SCHEMA_ENGINE_LOCK)})`);
    } catch (error) {
      throw new MigrationError(`cannot migrate ${withoutPassword(databaseUrl)}: ${reason(error)}`, { cause: error });
    }
    return await work();
  } finally {
    await client.end(); // and with it the transaction and its lock
  }
}

/** P3009 is Prisma's code for "a migration failed earlier". */
function explain(error: unknown): string {
  if (!types.isNativeError(error)) return `migration failed: ${String(error)}`;
  if ('code' in error && error.code === 'P3009') {
    const failed = /`(.+?)` migration/.exec(error.message)?.[1] ?? 'a migration';
    return (
      `${failed} failed earlier and blocks all later ones; the table _prisma_migrations has the reason. ` +
      `When it is repaired: npx prisma migrate resolve --rolled-back ${failed}, then migrate again`
    );
  }
  const failing = /migration_name="(.+?)"/.exec(error.message)?.[1] ?? 'migration';
  return `${failing} failed: ${reason(error)}`;
}

/** One line, without the engine's stack of Rust frames. Of a host's several addresses the first one's error tells enough. */
function reason(error: unknown): string {
  if (!types.isNativeError(error)) return String(error);
  if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0) return reason(error.errors[0]);
  const [text = ''] = error.message.split(/\n\s*0: /);
  return (
    text
      .replace(/^external connector error\n/i, '')
      .trim()
      .replace(/\s*\n\s*/g, '; ') || error.name
  );
}

function withoutPassword(databaseUrl: string): string {
  const { protocol, username, host, pathname } = new URL(databaseUrl);
  return `${protocol}//${username ? `${username}@` : ''}${host}${pathname}`;
}
