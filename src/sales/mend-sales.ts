import { Injectable } from '@nestjs/common';
import { ReloadSale } from './reload-sale.js';

/** How many sales are reloaded at once: each holds a connection to Postgres. */
const concurrency = 4;

/** Has sales reloaded that Redis may have wrong, a few at a time. */
@Injectable()
export class MendSales {
  private readonly noticed = new Set<string>();
  private running = false;

  constructor(private readonly reload: ReloadSale) {}

  /** @returns how many had to be reloaded. @throws what the first that failed threw, when the others are through */
  async mendAll(saleIds: readonly string[]): Promise<number> {
    const left = [...saleIds];
    const failures: unknown[] = [];
    let reloaded = 0;
    const mendNext = async (): Promise<void> => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        try {
          if (await this.reload.mend(id)) reloaded += 1;
        } catch (error) {
          failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: concurrency }, mendNext));
    if (failures.length > 0) throw failures[0];
    return reloaded;
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
