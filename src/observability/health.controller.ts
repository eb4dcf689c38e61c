import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

import { HealthChecks } from './health.js';

const liveSchema = {
  type: 'object',
  required: ['status'],
  properties: { status: { type: 'string', enum: ['ok'] } },
};

const readySchema = {
  type: 'object',
  required: ['status', 'checks'],
  properties: {
    status: { type: 'string', enum: ['ok', 'unavailable'] },
    checks: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        required: ['status'],
        properties: {
          status: { type: 'string', enum: ['up', 'down'] },
          warnings: {
            type: 'array',
            items: { type: 'string' },
            description: 'settings that weaken what Sluice promises',
          },
        },
      },
    },
  },
};

/** What an orchestrator asks. Needs no credentials and says nothing that is worth any. */
@ApiTags('operations')
@Controller('health')
export class HealthController {
  constructor(private readonly health: HealthChecks) {}

  @Get('live')
  @ApiOperation({ summary: 'Whether the process runs' })
  @ApiResponse({ status: 200, description: 'It does', schema: liveSchema })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Whether the process can serve: every server behind it answers' })
  @ApiResponse({ status: 200, description: 'It can', schema: readySchema })
  @ApiResponse({ status: 503, description: 'It cannot; `checks` names what is down', schema: readySchema })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const report = await this.health.report();
    if (report.status !== 'ok') reply.code(503).header('retry-after', '1');
    return report;
  }
}
