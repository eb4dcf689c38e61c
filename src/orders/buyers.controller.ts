import { Controller, Delete, HttpCode, Param } from '@nestjs/common';
import { ApiNoContentResponse, ApiTags } from '@nestjs/swagger';
import { Access, CurrentAdmin, Problems, type Admin } from '../http/index.js';
import { EraseAnswers } from './erase-answers.js';

@ApiTags('admin: buyers')
@Controller('v1/admin/buyers')
export class BuyersController {
  constructor(private readonly answers: EraseAnswers) {}

  @Delete(':buyerId/answers')
  @Access('admin')
  @HttpCode(204)
  @ApiNoContentResponse({ description: "the buyer's orders say nothing about him any more; also where there are none" })
  @Problems('not_found')
  erase(@Param('buyerId') buyerId: string, @CurrentAdmin() admin: Admin): Promise<void> {
    return this.answers.execute(buyerId, admin.name);
  }
}
