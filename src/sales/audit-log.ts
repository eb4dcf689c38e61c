import { Injectable } from '@nestjs/common';
import { v7 as newId } from 'uuid';
import { AdminQueries, type Queryable, type Statement } from '../postgres/index.js';

const insert: Statement = {
  name: 'insert-audit',
  text: 'INSERT INTO audit_log (id, actor, action, sale_id, details) VALUES ($1, $2, $3, $4, $5)',
};

/** Who is written down for what the system does by itself. */
export const systemActor = 'sluice';

export interface AuditEntry {
  /** name of the admin key, or `sluice` */
  readonly actor: string;
  /** `thing.happened` */
  readonly action: string;
  readonly saleId?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface AuditRecord {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly saleId: string | null;
  readonly details: unknown;
}

/** Who did what and when; written in the transaction that does it. */
@Injectable()
export class AuditLog {
  constructor(private readonly admin: AdminQueries) {}

  async record(tx: Queryable, entry: AuditEntry): Promise<void> {
    const { actor, action, saleId = null, details = {} } = entry;
    await tx.rows(insert, [newId(), actor, action, saleId, JSON.stringify(details)]);
  }

  /** Newest first, those older than `before` (an id); one more than `limit`. */
  list(before: string | null, limit: number): Promise<AuditRecord[]> {
    return this.admin.read((client) =>
      client.auditEntry.findMany({
        ...(before === null ? {} : { where: { id: { lt: before } } }),
        orderBy: { id: 'desc' },
        take: limit + 1,
      }),
    );
  }
}
