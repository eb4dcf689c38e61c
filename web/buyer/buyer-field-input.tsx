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

interface BuyerFieldInputProps {
  readonly field: BuyerField;
  readonly mistake: string | undefined;
  /** as the control has it; undefined: untouched */
  readonly value: string | boolean | undefined;
  readonly onChange: (value: string | boolean) => void;
}

/** One question of the sale's own, with what is wrong with the answer. */
export function BuyerFieldInput({ field, mistake, value = '', onChange }: BuyerFieldInputProps): JSX.Element {
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
  const text = {
    value: String(value),
    onInput: ({ currentTarget }: { currentTarget: HTMLInputElement | HTMLSelectElement }): void => {
      onChange(currentTarget.value);
    },
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
        <select {...control} {...text}>
          <option value="">{choose}</option>
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : type === 'boolean' ? (
        <input
          {...control}
          required={false}
          type="checkbox"
          checked={value === true}
          onChange={(event) => {
            onChange(event.currentTarget.checked);
          }}
        />
      ) : (
        <input {...control} {...text} {...kinds[type]} />
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
