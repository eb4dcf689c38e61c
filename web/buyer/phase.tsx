import type { JSX } from 'preact';
import type { SalePhase } from './model.js';
import { words } from './words/index.js';

/** Where a sale stands, in a word. */
export function Phase({ phase }: { phase: SalePhase }): JSX.Element {
  return <span class={`phase ${phase}`}>{words.value.phases[phase]}</span>;
}
