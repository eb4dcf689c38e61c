import { Client } from 'pg';

/** Faults of one database, on a PostgreSQL that other tests use as well. */
export interface PostgresFaults {
  /** Cuts every connection to it. */
  cut(): Promise<void>;
  /** Cuts every connection, and refuses new ones until `heal`. */
  refuse(): Promise<void>;
  /** Cuts every connection; new ones can only read, until `writeAgain`, which cuts them, too. */
  onlyRead(): Promise<void>;
  writeAgain(): Promise<void>;
  heal(): Promise<void>;
}

export function postgresFaults(databaseUrl: string): PostgresFaults {
  const url = new URL(databaseUrl);
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  const run = async (...statements: string[]): Promise<void> => {
    const admin = new Client({ connectionString: url.href });
    await admin.connect();
    try {
      for (const statement of statements) await admin.query(statement);
    } finally {
      await admin.end();
    }
  };
  const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`;
  return {
    cut: () => run(cut),
    refuse: () => run(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`, cut),
    onlyRead: () => run(`ALTER DATABASE ${name} SET default_transaction_read_only = on`, cut),
    writeAgain: () => run(`ALTER DATABASE ${name} RESET default_transaction_read_only`, cut),
    heal: () => run(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`),
  };
}
