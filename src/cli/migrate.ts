import { readDatabaseUrl } from '../config/index.js';
import { migrate } from '../postgres/migrate.js';

/** `npm run db:migrate`: applies the pending migrations to DATABASE_URL. */
try {
  const { applied } = await migrate(readDatabaseUrl());
  console.log(applied.length === 0 ? 'nothing to apply' : applied.map((name) => `applied ${name}`).join('\n'));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
