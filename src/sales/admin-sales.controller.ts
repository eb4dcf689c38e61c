import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { SaleStep } from '../domain/index.js';
import {
  Access,
  bodyHash,
  CurrentAdmin,
  Id,
  IdempotencyKey,
  idempotencyField,
  page,
  PageAnswer,
  PageQuery,
  Problems,
  type Admin,
  type Page,
} from '../http/index.js';
import { ChangeSale } from './change-sale.js';
import { CreateSale } from './create-sale.js';
import { DeleteDraft } from './delete-draft.js';
import { CreateSaleBody, PatchSaleBody } from './sale-body.js';
import { moved, patched } from './sale-edit.js';
import { SaleQueries } from './sale-queries.js';
import { InventoryView, SaleView } from './sale-view.js';

@ApiTags('admin: sales')
@Access('viewer')
@Controller('v1/admin/sales')
export class AdminSalesController {
  constructor(
    private readonly sales: SaleQueries,
    private readonly creation: CreateSale,
    private readonly changes: ChangeSale,
    private readonly drafts: DeleteDraft,
  ) {}

  @Post()
  @Access('admin')
  @ApiCreatedResponse({ type: SaleView, description: 'a draft; it is in Redis' })
  @Problems('idempotency_key_reused', 'not_found')
  async create(
    @Body() body: CreateSaleBody,
    @IdempotencyKey() key: string | undefined,
    @CurrentAdmin() admin: Admin,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SaleView> {
    const creation = key === undefined ? null : { key: idempotencyField(admin.name, key), hash: bodyHash(body) };
    const { sale, replayed } = await this.creation.execute(admin.name, body, creation);
    void reply.header('location', `/v1/admin/sales/${sale.id}`);
    if (replayed) void reply.header('idempotency-replayed', 'true');
    return this.sales.view(sale);
  }

  @Get()
  @PageAnswer(SaleView, 'every sale, newest first')
  async list(@Query() { limit, cursor }: PageQuery): Promise<Page<SaleView>> {
    return page(await this.sales.list(true, cursor ?? null, limit), limit, ({ id }) => id);
  }

  @Get(':saleId')
  @ApiOkResponse({ type: SaleView })
  @Problems('not_found')
  async find(@Id('saleId') saleId: string): Promise<SaleView> {
    return this.sales.view(await this.sales.sale(saleId));
  }

  @Patch(':saleId')
  @Access('admin')
  @ApiOkResponse({ type: SaleView })
  @Problems('not_found', 'capacity_below_taken', 'recovering')
  async change(
    @Id('saleId') saleId: string,
    @Body() body: PatchSaleBody,
    @CurrentAdmin() admin: Admin,
  ): Promise<SaleView> {
    const audit = { actor: admin.name, action: 'sale.changed', details: Object.fromEntries(Object.entries(body)) };
    return this.sales.view(await this.changes.execute(saleId, audit, (sale) => patched(sale, body)));
  }

  @Delete(':saleId')
  @Access('admin')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'the draft is gone' })
  @Problems('not_found', 'invalid_transition')
  async delete(@Id('saleId') saleId: string, @CurrentAdmin() admin: Admin): Promise<void> {
    await this.drafts.execute(saleId, { actor: admin.name, action: 'sale.deleted' });
  }

  @Post(':saleId/open')
  @Access('operator')
  @HttpCode(200)
  @ApiOkResponse({ type: SaleView })
  @Problems('not_found', 'invalid_transition', 'recovering')
  open(@Id('saleId') saleId: string, @CurrentAdmin() admin: Admin): Promise<SaleView> {
    return this.move(saleId, 'open', 'sale.opened', admin);
  }

  @Post(':saleId/pause')
  @Access('operator')
  @HttpCode(200)
  @ApiOkResponse({ type: SaleView })
  @Problems('not_found', 'invalid_transition', 'recovering')
  pause(@Id('saleId') saleId: string, @CurrentAdmin() admin: Admin): Promise<SaleView> {
    return this.move(saleId, 'pause', 'sale.paused', admin);
  }

  @Post(':saleId/resume')
  @Access('operator')
  @HttpCode(200)
  @ApiOkResponse({ type: SaleView })
  @Problems('not_found', 'invalid_transition', 'recovering')
  resume(@Id('saleId') saleId: string, @CurrentAdmin() admin: Admin): Promise<SaleView> {
    return this.move(saleId, 'resume', 'sale.resumed', admin);
  }

  @Post(':saleId/close')
  @Access('admin')
  @HttpCode(200)
  @ApiOkResponse({ type: SaleView })
  @Problems('not_found', 'invalid_transition', 'recovering')
  close(@Id('saleId') saleId: string, @CurrentAdmin() admin: Admin): Promise<SaleView> {
    return this.move(saleId, 'close', 'sale.closed', admin);
  }

  @Get(':saleId/inventory')
  @ApiOkResponse({ type: InventoryView })
  @Problems('not_found')
  inventory(@Id('saleId') saleId: string): Promise<InventoryView> {
    return this.sales.inventory(saleId);
  }

  private async move(saleId: string, step: SaleStep, action: string, admin: Admin): Promise<SaleView> {
    const audit = { actor: admin.name, action };
    return this.sales.view(await this.changes.execute(saleId, audit, (sale) => moved(sale, step)));
  }
}
