import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { v7 as newId } from 'uuid';
import { askOfSales } from '../inventory/index.js';
import { SaleTallies, type Tally } from '../orders/index.js';
import { FiguresStore } from './figures.store.js';
import { everySecondAt } from './every-second.js';

/** Adds what this process counted to the fleet's figures, at each full second: `SaleWatch` reads at each half. */
@Injectable()
export class PublishFigures implements OnApplicationBootstrap {
  /** counted, and not sent yet */
  private readonly waiting = new Map<string, Tally>();
  /** sent, and not answered: it is sent again, as it was */
  private readonly inDoubt = new Map<string, { readonly id: string; readonly tally: Tally }>();
  private running: Promise<void> | undefined;
  private stopTicks = (): void => undefined;

  constructor(
    private readonly tallies: SaleTallies,
    private readonly store: FiguresStore,
  ) {}

  onApplicationBootstrap(): void {
    this.stopTicks = everySecondAt(0, () => void this.publish());
  }

  /** Publishes the last of it; to be called when nothing is counted any more, and before Redis is closed. Safe to repeat. */
  async stop(): Promise<void> {
    this.stopTicks();
    await this.running;
    await this.publish();
  }

  private async publish(): Promise<void> {
    for (const [saleId, tally] of this.tallies.take()) this.keep(saleId, tally);
    if (this.running !== undefined || this.waiting.size + this.inDoubt.size === 0) return;
    const saleIds = [...new Set([...this.inDoubt.keys(), ...this.waiting.keys()])];
    this.running = askOfSales(saleIds, (saleId) => this.send(saleId).catch(() => undefined)).then(() => {
      this.running = undefined; // what could not be sent is tried again with the next
    });
    await this.running;
  }

  private async send(saleId: string): Promise<void> {
    if (!this.inDoubt.has(saleId)) this.begin(saleId);
    for (let batch = this.inDoubt.get(saleId); batch !== undefined; batch = this.inDoubt.get(saleId)) {
      const askedAtMs = Date.now();
      const redisNowMs = await this.store.add(saleId, batch);
      this.tallies.clockOffsetMs = redisNowMs - (askedAtMs + Date.now()) / 2;
      this.inDoubt.delete(saleId);
      this.begin(saleId);
    }
  }

  /** Makes a batch of what waits. */
  private begin(saleId: string): void {
    const tally = this.waiting.get(saleId);
    if (tally === undefined) return;
    this.waiting.delete(saleId);
    this.inDoubt.set(saleId, { id: newId(), tally });
  }

  private keep(saleId: string, counted: Tally): void {
    const waiting = this.waiting.get(saleId);
    if (waiting === undefined) this.waiting.set(saleId, counted);
    else for (const [field, count] of counted) waiting.set(field, (waiting.get(field) ?? 0) + count);
  }
}
