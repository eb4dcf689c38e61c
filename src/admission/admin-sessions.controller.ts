import { Controller, Delete, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../domain/index.js';
import { Access, type Admin, Choice, CurrentAdmin, keepSessionToken, sessionTokenOf, Text } from '../http/index.js';
import { Database } from '../postgres/index.js';
import { AuditLog } from '../sales/index.js';
import { AdminSessionStore, sessionSeconds } from './admin-session.store.js';

class AdminView {
  @Text({ min: 1, max: 200 })
  name!: string;

  @Choice(['viewer', 'operator', 'admin'])
  role!: Admin['role'];
}

/** Signs an administrator's browser in and out: a cookie in place of the key, which no page then has to keep. */
@ApiTags('admin: session')
@Access('viewer')
@Controller('v1/admin/session')
export class AdminSessionsController {
  constructor(
    private readonly sessions: AdminSessionStore,
    private readonly database: Database,
    private readonly audit: AuditLog,
  ) {}

  @Post()
  @ApiCreatedResponse({
    type: AdminView,
    description:
      'sets the cookie `sluice_admin`, which is as good as the key for 8 hours, from the pages of this origin. Takes the key only: a session begins no other',
  })
  async begin(
    @CurrentAdmin() admin: Admin,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminView> {
    // with its cookie alone, whoever has a copy would go on for ever, and past a sign-out
    if (request.headers.authorization === undefined) {
      throw new DomainError('unauthenticated', 'A session begins with the key, in the header Authorization: Bearer.');
    }
    await this.record(admin, 'session.begun');
    keepSessionToken(reply, await this.sessions.begin(admin.keyDigest), sessionSeconds);
    return viewOf(admin, reply);
  }

  @Get()
  @ApiOkResponse({ type: AdminView })
  who(@CurrentAdmin() admin: Admin, @Res({ passthrough: true }) reply: FastifyReply): AdminView {
    return viewOf(admin, reply);
  }

  @Delete()
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'the session is over, here and for whoever has a copy of the cookie' })
  async end(
    @CurrentAdmin() admin: Admin,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    await this.record(admin, 'session.ended');
    const token = sessionTokenOf(request);
    if (token !== undefined) await this.sessions.end(token);
    keepSessionToken(reply, '', 0);
  }

  private record({ name }: Admin, action: string): Promise<void> {
    return this.database.transaction((tx) => this.audit.record(tx, { actor: name, action }));
  }
}

function viewOf({ name, role }: Admin, reply: FastifyReply): AdminView {
  void reply.header('cache-control', 'no-store');
  return { name, role };
}
