import { PrismaPg } from '@prisma/adapter-pg';
import { isDriverAdapterError } from '@prisma/driver-adapter-utils';
import { unavailable } from '../domain/index.js';
import type { Database } from './database.js';
import { asUnavailable, isPassing } from './errors.js';
import { Prisma, PrismaClient } from './generated/client.js';

/** The admin's queries, typed by the schema, over the same pool as everything else. */
export class AdminQueries {
  private readonly client: PrismaClient;

  constructor(database: Database) {
    this.client = new PrismaClient({ adapter: new PrismaPg(database.pool) });
  }

  /** @throws DomainError `unavailable` when Postgres cannot answer */
  async read<T>(query: (client: PrismaClient) => Promise<T>): Promise<T> {
    try {
      return await query(this.client);
    } catch (error) {
      throw isOutage(error) ? unavailable(error) : asUnavailable(error);
    }
  }
}

/*
 * Prisma's P1xxx are errors of the connection, P2024 a pool that gave none in time. An SQLSTATE that it has no code of its own for
 * comes with what the driver said (P2010, P2039), and the rest as "unknown".
 */
function isOutage(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientInitializationError) return true;
  if (error instanceof Prisma.PrismaClientUnknownRequestError) return true;
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return false;
  const { driverAdapterError: reason } = error.meta ?? {};
  if (reason !== undefined && isDriverAdapterError(reason) && isPassing(reason.cause.originalCode)) return true;
  return /^(P1\d{3}|P2024|P2037)$/.test(error.code);
}
