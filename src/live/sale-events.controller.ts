import { Controller, Get, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access, Id, Problems } from '../http/index.js';
import { SaleQueries } from '../sales/index.js';
import { OpenStreams } from './open-streams.js';
import { SaleStats } from './sale-stats.js';
import { SaleWatch } from './sale-watch.js';

@ApiTags('admin: sales')
@Access('viewer')
@Controller('v1/admin/sales')
export class SaleEventsController {
  constructor(
    private readonly streams: OpenStreams,
    private readonly sales: SaleQueries,
    private readonly watch: SaleWatch,
  ) {}

  @Get(':saleId/events')
  @ApiExtraModels(SaleStats)
  @ApiOkResponse({
    description:
      'An event `stats` a second, of the whole fleet; the data is a SaleStats. It goes on until somebody ends it.',
    content: { 'text/event-stream': { schema: { type: 'string' } } },
  })
  @Problems('not_found')
  async events(@Id('saleId') saleId: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    const place = this.streams.placeOfAdmin(reply);
    try {
      await this.sales.sale(saleId);
    } catch (error) {
      place.leave();
      throw error;
    }
    const stream = this.streams.open(place, reply);
    stream.onClose(
      this.watch.listen(saleId, (frame) => {
        if (frame === null) stream.end();
        else this.streams.send(stream, frame);
      }),
    );
  }
}
