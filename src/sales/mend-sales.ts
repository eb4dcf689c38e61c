import { Injectable } from '@nestjs/common';
import { forEachSale } from '../inventory/index.js';
import { briefPatienceMs } from '../postgres/index.js';
import { ReloadSale } from './reload-sale.js';

/** Has sales reloaded that Redis may have wrong, a few at a time. */
@Injectable()
export class MendSales {
  private readonly noticed = new Set<string>();
  private running = false;

  constructor(private readonly reload: ReloadSale) {}

  /** @returns how many had to be reloaded. @throws what the first that failed threw, when the others are through */
  mendAll(saleIds: readonly string[]): Promise<number> {
    return forEachSale(saleIds, async (id) => ((await this.reload.mend(id, briefPatienceMs)) ? 1 : 0));
  }

  /** Somebody met a sale that is recovering: it is mended now, not when the reconciler comes by. Once at a time. */
  notice(saleId: string): void {
    this.noticed.add(saleId);
    if (this.running) return;
    this.running = true;
    void this.mendNoticed();
  }

  private async mendNoticed(): Promise<void> {
    while (this.noticed.size > 0) {
      const ids = [...this.noticed];
      // what fails is noticed again by the next buyer, and by the reconciler in any case
      await this.mendAll(ids).catch(() => undefined);
      for (const id of ids) this.noticed.delete(id);
    }
    this.running = false;
  }
}
