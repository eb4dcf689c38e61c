import type pg from 'pg';

/** Rows of a table as text, whatever its columns are. */
export interface TableCopy {
  readonly table: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** @param where SQL, of which `$1` is the parameter */
export async function readTable(
  client: pg.Client,
  table: string,
  where: string,
  parameter: string,
): Promise<TableCopy> {
  const { rows: columns } = await client.query<TableCopy['columns'][number]>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [table],
  );
  const { rows } = await client.query<(string | null)[]>({
    text: `SELECT ${columns.map(({ name }) => `${name}::text`).join(', ')} FROM ${table} WHERE ${where} ORDER BY 1, 2`,
    values: [parameter],
    rowMode: 'array',
  });
  return { table, columns, rows };
}

/** The same rows with other values in some columns. */
export function changed(copy: TableCopy, change: Readonly<Record<string, (value: string) => string>>): TableCopy {
  const changes = copy.columns.map(({ name }) => change[name]);
  const rows = copy.rows.map((row) => row.map((value, i) => (value === null ? null : (changes[i]?.(value) ?? value))));
  return { ...copy, rows };
}

/** An INSERT of rows that come as one array for each column, `$first` and on. */
export function insertOf({ table, columns }: TableCopy, first: number): string {
  const arrays = columns.map(({ type }, i) => `$${first + i}::${type.replace(/\(.*\)/, '')}[]`);
  return `INSERT INTO ${table} (${columns.map(({ name }) => name).join(', ')}) SELECT * FROM unnest(${arrays.join(', ')})`;
}

/** One array for each column. */
export function columnsOf({ columns }: TableCopy, rows: TableCopy['rows']): (string | null)[][] {
  return columns.map((_, i) => rows.map((row) => row[i] ?? null));
}
