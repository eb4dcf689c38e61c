import { Module } from '@nestjs/common';
import { SaleVisits } from './sale-visits.js';
import { StockStore } from './stock.store.js';

@Module({ providers: [StockStore, SaleVisits], exports: [StockStore, SaleVisits] })
export class InventoryModule {}
