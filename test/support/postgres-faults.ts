import { Client } from 'pg';

/** Faults of one database, on a PostgreSQL that other tests use as well. */
export interface PostgresFaults {
  /** Cuts every connection to it. */
  cut(): Promise<void>;
  /** Cuts every connection, and refuses new ones until `heal`. */
  refuse(): Promise<void>;
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
    heal: () => run(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`),
  };
}
