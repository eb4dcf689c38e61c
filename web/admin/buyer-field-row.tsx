import type { JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import { Field, type Mistakes, SelectField } from './field.js';
import type { BuyerField } from './model.js';
import { words } from './words/index.js';

/** One question to buyers, as the form has it. */
export function BuyerFieldRow({
  at,
  field,
  mistakes,
}: {
  at: string;
  field: BuyerField | undefined;
  mistakes: Mistakes;
}): JSX.Element {
  const says = words.value;
  const id = useId();
  const [type, setType] = useState<string>(field?.type ?? 'text');
  return (
    <>
      <Field name={`${at}.label`} label={says.question} mistakes={mistakes} value={field?.label} />
      <Field name={`${at}.name`} label={says.fieldKey} mistakes={mistakes} value={field?.name} />
      <SelectField
        name={`${at}.type`}
        label={says.fieldType}
        mistakes={mistakes}
        choices={says.fieldTypes}
        value={type}
        onChoice={setType}
      />
      {type === 'choice' && (
        <Field
          name={`${at}.choices`}
          label={says.choices}
          hint={says.choicesHint}
          mistakes={mistakes}
          value={field?.choices?.join(', ')}
        />
      )}
      <div class="check">
        <input id={id} name={`${at}.required`} type="checkbox" defaultChecked={field?.required ?? true} />
        <label for={id}>{says.required}</label>
      </div>
    </>
  );
}
