import { defineConfig } from 'prisma/config';

/** For the Prisma CLI only: the application reads its environment in src/config and migrates with src/postgres/migrate.ts. */
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.DATABASE_URL ?? '' },
});
