import pg from 'pg';
import { v7 as newId } from 'uuid';
import type { Bench } from '../bench.js';
import { openSale, type BenchSale } from '../system/sale.js';
import { changed, columnsOf, insertOf, readTable, type TableCopy } from './table-copy.js';

const batchSize = 500;

/**
 * The yardstick of `drain`: writes the rows of a sale's orders once more, for another sale, in the same tables, over one
 * connection: one round trip and one transaction for each batch, in which nothing is checked and nothing is asked. What it
 * sends is prepared before the clock starts. @returns orders a second
 */
export async function insertCopies({ sluice, servers }: Bench, original: BenchSale): Promise<number> {
  const copy = await openSale(sluice, original.capacity);
  const client = new pg.Client({ connectionString: servers.sluice.databaseUrl });
  await client.connect();
  try {
    const tables = await copiedTables(client, original, copy);
    const orders = tables[0]?.rows.length ?? 0;
    const text = statement(tables);
    const batches: unknown[][] = [];
    for (let i = 0; i < orders; i += batchSize) {
      const parts = tables.map((table) => ({ table, rows: table.rows.slice(i, i + batchSize) }));
      batches.push([
        copy.ticketTypeId,
        parts[0]?.rows.length,
        ...parts.flatMap(({ table, rows }) => columnsOf(table, rows)),
      ]);
    }
    const startedAt = performance.now();
    for (const values of batches) await client.query({ name: 'insert-copies', text, values });
    return (orders * 1000) / (performance.now() - startedAt);
  } finally {
    await client.end();
  }
}

/** Orders, their items and their buyers' totals, a row of each for every order, in the order of their ids. */
async function copiedTables(client: pg.Client, original: BenchSale, copy: BenchSale): Promise<TableCopy[]> {
  const orders = await readTable(client, 'orders', 'sale_id = $1', original.id);
  const items = await readTable(
    client,
    'order_items',
    'order_id IN (SELECT id FROM orders WHERE sale_id = $1)',
    original.id,
  );
  const totals = await readTable(client, 'buyer_totals', 'sale_id = $1', original.id);
  const ids = new Map(orders.rows.map(([id]) => [id, newId()]));
  const newIdOf = (id: string): string => ids.get(id) ?? id;
  const ofCopy = { sale_id: () => copy.id, ticket_type_id: () => copy.ticketTypeId };
  return [
    changed(orders, { ...ofCopy, id: newIdOf }),
    changed(items, { ...ofCopy, order_id: newIdOf }),
    changed(totals, ofCopy),
  ];
}

/** $1 is the ticket type, $2 the number of tickets; then come the columns. */
function statement(tables: readonly TableCopy[]): string {
  let first = 3;
  const inserts = tables.map((table) => {
    const insert = `new_${table.table} AS (${insertOf(table, first)})`;
    first += table.columns.length;
    return insert;
  });
  return `WITH ${inserts.join(', ')} UPDATE ticket_types SET taken = taken + $2 WHERE id = $1`;
}
