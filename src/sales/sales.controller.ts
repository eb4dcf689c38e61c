import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Access, Id, page, PageAnswer, PageQuery, Problems, type Page } from '../http/index.js';
import { SaleQueries } from './sale-queries.js';
import { SaleView } from './sale-view.js';

@ApiTags('sales')
@Access('public')
@Controller('v1/sales')
export class SalesController {
  constructor(private readonly sales: SaleQueries) {}

  @Get()
  @PageAnswer(SaleView, 'every sale but drafts, newest first')
  @Problems('unavailable')
  async list(@Query() { limit, cursor }: PageQuery): Promise<Page<SaleView>> {
    return page(await this.sales.list(false, cursor ?? null, limit), limit, ({ id }) => id);
  }

  @Get(':saleId')
  @ApiOkResponse({ type: SaleView })
  @Problems('not_found', 'unavailable')
  find(@Id('saleId') saleId: string): Promise<SaleView> {
    return this.sales.publicSale(saleId);
  }
}
