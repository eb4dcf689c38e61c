import { Controller, Delete, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import {
  Access,
  CurrentAdmin,
  Id,
  Integer,
  page,
  PageAnswer,
  PageQuery,
  Problems,
  Text,
  Timestamp,
  Uuid,
  type Admin,
  type Page,
} from '../http/index.js';
import { DeadLetterRepository, type DeadLetter } from './dead-letter.repository.js';
import { ResolveDeadLetter } from './resolve-dead-letter.js';

class DeadLetterView {
  @Uuid({ description: "the order's id" })
  id!: string;

  @Uuid()
  saleId!: string;

  @Text({ min: 1, max: Number.MAX_SAFE_INTEGER, description: 'the order as it waits in the outbox, JSON' })
  payload!: string;

  @Text({ min: 1, max: Number.MAX_SAFE_INTEGER, description: 'why it cannot be written' })
  error!: string;

  @Integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
  attempts!: number;

  @Timestamp()
  createdAt!: string;
}

@ApiTags('admin: dead letters')
@Access('viewer')
@Controller('v1/admin/dead-letters')
export class DeadLettersController {
  constructor(
    private readonly letters: DeadLetterRepository,
    private readonly resolve: ResolveDeadLetter,
  ) {}

  @Get()
  @PageAnswer(DeadLetterView, 'orders that cannot be written, newest first')
  async list(@Query() { limit, cursor }: PageQuery): Promise<Page<DeadLetter>> {
    const letters = await this.letters.list(cursor ?? null, limit);
    return page(letters.map(view), limit, ({ id }) => id);
  }

  @Post(':id/retry')
  @Access('admin')
  @HttpCode(200)
  @ApiOkResponse({ type: DeadLetterView, description: 'it will be tried again' })
  @Problems('not_found')
  async retry(@Id('id') id: string, @CurrentAdmin() admin: Admin): Promise<DeadLetter> {
    return view(await this.resolve.retry(id, admin.name));
  }

  @Delete(':id')
  @Access('admin')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'the order will be rejected, and its stock is for sale again' })
  @Problems('not_found')
  async discard(@Id('id') id: string, @CurrentAdmin() admin: Admin): Promise<void> {
    await this.resolve.discard(id, admin.name);
  }
}

function view({ id, saleId, payload, error, attempts, createdAt }: DeadLetter): DeadLetter {
  return { id, saleId, payload, error, attempts, createdAt };
}
