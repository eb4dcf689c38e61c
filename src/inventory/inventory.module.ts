import { Module } from '@nestjs/common';
import { StockStore } from './stock.store.js';

@Module({ providers: [StockStore], exports: [StockStore] })
export class InventoryModule {}
