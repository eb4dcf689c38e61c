import type { JSX } from 'preact';
import type { OrderStatus, SaleStatus } from './model.js';
import { words } from './words/index.js';

export function Status({ of }: { of: SaleStatus | OrderStatus }): JSX.Element {
  return <span class={`status is-${of}`}>{words.value.statuses[of]}</span>;
}
