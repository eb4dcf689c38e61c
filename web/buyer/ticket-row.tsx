import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { money, number } from '../shared/language.js';
import type { TicketType } from './model.js';
import { words } from './words/index.js';

interface TicketRowProps {
  readonly type: TicketType;
  readonly quantity: number;
  /** what the sale allows; stock may allow less */
  readonly most: number;
  readonly onChange: (quantity: number) => void;
}

/** One ticket type: what it costs, what is left, and how many. */
export function TicketRow({ type, quantity, most, onChange }: TicketRowProps): JSX.Element {
  const id = useId();
  const { left, none, heldByOthers, fewer, more, chosen } = words.value;
  const { name, priceMinor, currency, available, held } = type;
  const isFull = quantity >= Math.min(most, available);
  return (
    <div class="ticket" role="group" aria-labelledby={id}>
      <div>
        <strong id={id}>{name}</strong>
        <span class="price">{money(priceMinor, currency)}</span>
        <span class={available === 0 ? 'muted none' : 'muted'}>
          {available > 0 ? left(number(available)) : none}
          {available === 0 && held > 0 && ` · ${heldByOthers(number(held))}`}
        </span>
      </div>
      <div class="stepper">
        <button
          type="button"
          aria-label={fewer(name)}
          aria-disabled={quantity === 0}
          onClick={() => {
            if (quantity > 0) onChange(quantity - 1);
          }}
        >
          −
        </button>
        <output aria-label={chosen(name)}>{quantity}</output>
        <button
          type="button"
          aria-label={more(name)}
          aria-disabled={isFull}
          onClick={() => {
            if (!isFull) onChange(quantity + 1);
          }}
        >
          +
        </button>
      </div>
    </div>
  );
}
