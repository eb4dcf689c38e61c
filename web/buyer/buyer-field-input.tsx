import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import type { BuyerField, BuyerFieldType } from '../../src/domain/index.js';
import { controlName } from './answers.js';
import { words } from './words/index.js';

const kinds = {
  text: { type: 'text' },
  email: { type: 'email', inputMode: 'email', autoComplete: 'email' },
  number: { type: 'number', step: 'any', inputMode: 'decimal' },
} as const satisfies Partial<Record<BuyerFieldType, object>>;

/** One question of the sale's own, with what is wrong with the answer. */
export function BuyerFieldInput({ field, mistake }: { field: BuyerField; mistake: string | undefined }): JSX.Element {
  const id = useId();
  const { optional, choose } = words.value;
  const { type, label, required, choices = [] } = field;
  const control = {
    id,
    name: controlName(field),
    required,
    'aria-invalid': mistake !== undefined,
    'aria-describedby': mistake === undefined ? undefined : `${id}-mistake`,
  };
  const caption = (
    <label for={id}>
      {label}
      {!required && type !== 'boolean' && <span class="muted"> ({optional})</span>}
    </label>
  );
  return (
    <div class={`field ${type}`}>
      {type !== 'boolean' && caption}
      {type === 'choice' ? (
        <select {...control}>
          <option value="">{choose}</option>
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : type === 'boolean' ? (
        <input {...control} required={false} type="checkbox" />
      ) : (
        <input {...control} {...kinds[type]} />
      )}
      {type === 'boolean' && caption}
      {mistake !== undefined && (
        <p class="mistake" id={`${id}-mistake`}>
          {mistake}
        </p>
      )}
    </div>
  );
}
