import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access, page, PageAnswer, PageQuery, type Page } from '../http/index.js';
import { AuditLog, type AuditRecord } from './audit-log.js';
import { AuditView } from './sale-view.js';

@ApiTags('admin: audit')
@Access('viewer')
@Controller('v1/admin/audit')
export class AuditController {
  constructor(private readonly audit: AuditLog) {}

  @Get()
  @PageAnswer(AuditView, 'who did what and when, newest first')
  async list(@Query() { limit, cursor }: PageQuery): Promise<Page<AuditRecord>> {
    return page(await this.audit.list(cursor ?? null, limit), limit, ({ id }) => id);
  }
}
