import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

import { HealthChecks } from './health.js';

/** What an orchestrator asks. Needs no credentials and says nothing that is worth any. */
@ApiTags('operations')
@Controller('health')
export class HealthController {
  constructor(private readonly health: HealthChecks) {}

  @Get('live')
  @ApiOperation({ summary: 'Whether the process runs' })
  @ApiResponse({ status: 200, description: 'It does' })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Whether the process can serve: every server behind it answers' })
  @ApiResponse({ status: 200, description: 'It can' })
  @ApiResponse({ status: 503, description: 'It cannot; `checks` names what is down' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const report = await this.health.report();
    if (report.status !== 'ok') reply.code(503).header('retry-after', '1');
    return report;
  }
}
