import { Injectable } from '@nestjs/common';
import { SaleRepository } from '../sales/index.js';

/** Keeps short what the public figures add up. */
@Injectable()
export class FoldConfirmationsPass {
  constructor(private readonly sales: SaleRepository) {}

  /** @returns of how many ticket types the confirmations were added up */
  run(): Promise<number> {
    return this.sales.foldConfirmed();
  }
}
