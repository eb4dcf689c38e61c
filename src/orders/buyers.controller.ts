import { Controller, Delete, HttpCode, Param, type PipeTransform } from '@nestjs/common';
import { ApiNoContentResponse, ApiTags } from '@nestjs/swagger';
import { DomainError } from '../domain/index.js';
import { Access, CurrentAdmin, isText, Problems, type Admin } from '../http/index.js';
import { EraseAnswers } from './erase-answers.js';

/** Nobody is called what no token can have for its `sub`. */
const buyerIdPipe: PipeTransform<string, string> = {
  transform(text) {
    if (isText(text, { min: 1, max: 255 })) return text;
    throw new DomainError('not_found', 'There is no such buyer.');
  },
};

@ApiTags('admin: buyers')
@Controller('v1/admin/buyers')
export class BuyersController {
  constructor(private readonly answers: EraseAnswers) {}

  @Delete(':buyerId/answers')
  @Access('admin')
  @HttpCode(204)
  @ApiNoContentResponse({ description: "the buyer's orders say nothing about him any more; also where there are none" })
  @Problems('not_found')
  erase(@Param('buyerId', buyerIdPipe) buyerId: string, @CurrentAdmin() admin: Admin): Promise<void> {
    return this.answers.execute(buyerId, admin.name);
  }
}
