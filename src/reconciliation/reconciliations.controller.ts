import { Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Access, CurrentAdmin, Integer, Problems, type Admin } from '../http/index.js';
import { Database } from '../postgres/index.js';
import { AuditLog } from '../sales/index.js';
import { Reconcile, type Reconciliation } from './reconcile.js';

const count = { min: 0, max: Number.MAX_SAFE_INTEGER };

class ReconciliationView {
  @Integer({ ...count, description: 'orders whose hold ran out' })
  expired!: number;

  @Integer({ ...count, description: 'orders whose job was lost' })
  requeued!: number;

  @Integer({ ...count, description: 'ended orders whose stock came back' })
  returned!: number;

  @Integer({ ...count, description: 'sales whose time was over' })
  closed!: number;

  @Integer({ ...count, description: 'sales whose stock had to be reloaded' })
  reloaded!: number;

  @Integer(count)
  durationMs!: number;
}

@ApiTags('admin: reconciliation')
@Access('admin')
@Controller('v1/admin/reconciliations')
export class ReconciliationsController {
  constructor(
    private readonly reconcile: Reconcile,
    private readonly database: Database,
    private readonly audit: AuditLog,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOkResponse({ type: ReconciliationView })
  @Problems('recovering')
  async run(@CurrentAdmin() admin: Admin): Promise<Reconciliation> {
    await this.database.transaction((tx) =>
      this.audit.record(tx, { actor: admin.name, action: 'reconciliation.requested' }),
    );
    return this.reconcile.now();
  }
}
