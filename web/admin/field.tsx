import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';
import type { FieldError } from '../../src/domain/index.js';

/** What the server found wrong, by the path of the field (`ticketTypes[0].capacity`), in the server's words. */
export type Mistakes = readonly FieldError[];

interface FieldProps {
  /** the path of the value in the body */
  readonly name: string;
  readonly label: string;
  readonly mistakes: Mistakes;
  readonly hint?: string;
}

const kinds = {
  text: { type: 'text' },
  number: { type: 'number', step: 'any' },
  time: { type: 'datetime-local' },
} as const;

type InputProps = FieldProps & {
  readonly kind?: keyof typeof kinds;
  readonly value?: string | number | undefined;
};

export function Field({ kind = 'text', value, ...field }: InputProps): JSX.Element {
  return (
    <Labelled {...field}>
      {(control) => <input {...control} {...kinds[kind]} defaultValue={value} autoComplete="off" />}
    </Labelled>
  );
}

type SelectProps = FieldProps & {
  readonly choices: Readonly<Record<string, string>>;
  readonly value?: string | undefined;
  readonly onChoice?: (choice: string) => void;
};

export function SelectField({ choices, value, onChoice, ...field }: SelectProps): JSX.Element {
  return (
    <Labelled {...field}>
      {(control) => (
        <select
          {...control}
          onChange={(event) => {
            onChoice?.(event.currentTarget.value);
          }}
        >
          {Object.entries(choices).map(([choice, label]) => (
            <option key={choice} value={choice} selected={choice === value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

interface Control {
  readonly id: string;
  readonly name: string;
  readonly 'aria-invalid': boolean;
  readonly 'aria-describedby': string | undefined;
}

function Labelled({
  name,
  label,
  mistakes,
  hint,
  children,
}: FieldProps & { children: (control: Control) => ComponentChildren }): JSX.Element {
  const id = useId();
  const mistake = mistakes.find(({ path }) => path === name || path.startsWith(`${name}[`))?.message;
  const described = [
    ...(hint === undefined ? [] : [`${id}-hint`]),
    ...(mistake === undefined ? [] : [`${id}-mistake`]),
  ];
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({
        id,
        name,
        'aria-invalid': mistake !== undefined,
        'aria-describedby': described.length === 0 ? undefined : described.join(' '),
      })}
      {hint !== undefined && (
        <p class="fine" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {mistake !== undefined && (
        <p class="mistake" id={`${id}-mistake`} lang="en">
          {mistake}
        </p>
      )}
    </div>
  );
}
