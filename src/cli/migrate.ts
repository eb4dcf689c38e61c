import { migrate } from '../postgres/migrate.js';

/** `npm run db:migrate`: applies the pending migrations to DATABASE_URL. */
try {
  const databaseUrl = process.env.DATABASE_URL;
  if (!databaseUrl) throw new Error('DATABASE_URL is not set');
  const { applied } = await migrate(databaseUrl);
  console.log(applied.length === 0 ? 'nothing to apply' : applied.map((name) => `applied ${name}`).join('\n'));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
