import { readFileSync } from 'node:fs';
import { Injectable } from '@nestjs/common';
import { v7 as newId } from 'uuid';
import type { Tally } from '../orders/index.js';
import { figuresKey, figuresSentKey, RedisServer, type Script } from '../redis/index.js';

/** After the last thing that happened in a sale: when it is archived they are gone. */
const keptMs = 24 * 3_600_000;
/** A batch whose answer was lost is sent again within this time, or counts twice. */
const rememberedMs = 600_000;

const addFigures: Script<number> = {
  name: 'add-figures',
  lua: readFileSync(new URL('add-figures.lua', import.meta.url), 'utf8'),
  keys: [],
  parse: Number,
};

/** What the fleet has counted in each sale, in Redis. All throw DomainError `unavailable`. */
@Injectable()
export class FiguresStore {
  private readonly process = newId();

  constructor(private readonly redis: RedisServer) {}

  /** Adds a batch of this process; the last one may be sent again. @returns Redis's clock, ms since epoch */
  add(saleId: string, batch: { readonly id: string; readonly tally: Tally }): Promise<number> {
    const args = [batch.id, keptMs, rememberedMs, ...[...batch.tally].flat()];
    return this.redis.run(addFigures, saleId, args, [figuresKey(saleId), figuresSentKey(saleId, this.process)]);
  }

  /** Counts since the sale's first purchase, or since Redis lost them. */
  async read(saleId: string): Promise<Tally> {
    const fields = await this.redis.call((client) => client.hgetall(figuresKey(saleId)));
    return new Map(Object.entries(fields).map(([field, count]) => [field, Number(count)]));
  }
}
