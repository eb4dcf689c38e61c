import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as engine from '@prisma/schema-engine-wasm/schema_engine_bg';
import type pg from 'pg';

/** The key of the advisory lock that Prisma's schema engine takes on PostgreSQL, and with it `prisma migrate deploy`. */
export const SCHEMA_ENGINE_LOCK = 72707369;

/**
 * Prisma's schema engine as WebAssembly, on a pool of one's own: the same engine and the same `_prisma_migrations` table
 * as `prisma migrate deploy`, without the binary that the CLI would download. Takes about 60 ms.
 *
 * The caller ends the pool, and holds {@link SCHEMA_ENGINE_LOCK} while the engine changes anything: the engine's own
 * lock belongs to a session and would stay behind on a connection of PgBouncer.
 */
export async function openSchemaEngine(pool: pg.Pool): Promise<engine.SchemaEngine> {
  await load();
  return engine.SchemaEngine.new(
    { datamodels: undefined },
    () => undefined, // its log; what matters comes back as results and errors
    bindMigrationAwareSqlAdapterFactory(new WholeScripts(pool)),
  );
}

/** The package's own entry imports its .wasm file, which Node cannot do without a flag. */
async function load(): Promise<void> {
  loading ??= (async () => {
    const glue = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
    const code = await readFile(glue.replace(/\.js$/, '.wasm'));
    const { instance } = await WebAssembly.instantiate(code, { './schema_engine_bg.js': importsOf(engine) });
    const { __wbg_set_wasm: attach } = engine as unknown as { __wbg_set_wasm: (exports: WasmExports) => void };
    attach(instance.exports);
    instance.exports.__wbindgen_start();
  })();
  await loading;
}

/** What the engine calls; its timers (10 s for its lock, never cancelled) must not keep the process from ending. */
function importsOf(glue: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(glue).map(([name, value]: [string, unknown]) =>
      name.startsWith('__wbg_setTimeout_')
        ? [name, (callback: () => void, ms: number) => setTimeout(callback, ms).unref()]
        : [name, value],
    ),
  );
}

let loading: Promise<void> | undefined;

interface WasmExports {
  __wbindgen_start(): void;
}

/** Node has it; its types for Node 20 do not. */
declare const WebAssembly: {
  instantiate(code: Uint8Array, imports: Record<string, object>): Promise<{ instance: { exports: WasmExports } }>;
};

const ENGINE_LOCK = /^\s*SELECT pg_advisory_lock\(/;

/**
 * Sends each script as it is: PostgreSQL runs it as one transaction, so a migration that fails leaves nothing behind.
 * PrismaPg would cut it at every `;`, also those in comments, strings and function bodies, and send the parts one by one.
 * Leaves out the engine's own lock, for which it would wait for ever: the caller holds it.
 */
class WholeScripts extends PrismaPg {
  override async connect(): ReturnType<PrismaPg['connect']> {
    const connection = await super.connect();
    const run = connection.executeRaw.bind(connection);
    connection.executeRaw = async (query) => (ENGINE_LOCK.test(query.sql) ? 0 : run(query));
    connection.executeScript = async (sql) => {
      await connection.executeRaw({ sql, args: [], argTypes: [] });
    };
    return connection;
  }
}
