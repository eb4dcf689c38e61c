import type { Answer, BuyerField } from '../../src/domain/index.js';
import type { Refusal } from '../shared/http.js';
import type { words } from './words/index.js';

/** What is wrong, by the name of the field; `items` are the tickets. */
export type Mistakes = Readonly<Record<string, string>>;

/** As the API has it. */
const longestText = 1000;

/** The control of a buyer field. */
function inputOf(form: HTMLFormElement, field: BuyerField): HTMLInputElement | HTMLSelectElement {
  return form.elements.namedItem(controlName(field)) as HTMLInputElement | HTMLSelectElement;
}

/** Apart from every other name that a form has, such as `items`. */
export function controlName({ name }: BuyerField): string {
  return `answer-${name}`;
}

/** What the server would say about these answers, said before it is asked. */
export function mistakesIn(form: HTMLFormElement, fields: readonly BuyerField[], says: typeof words.value): Mistakes {
  const mistakes: Record<string, string> = {};
  for (const field of fields) {
    const mistake = mistakeIn(inputOf(form, field), field, says);
    if (mistake !== undefined) mistakes[field.name] = mistake;
  }
  return mistakes;
}

function mistakeIn(
  input: HTMLInputElement | HTMLSelectElement,
  { type, required }: BuyerField,
  says: typeof words.value,
): string | undefined {
  if (type === 'boolean') return undefined;
  if (type === 'number' && (input.validity.badInput || input.validity.stepMismatch)) return says.fieldNumber;
  const value = input.value.trim();
  if (value === '') return required ? says.fieldMissing : undefined;
  if (value.length > longestText) return says.fieldLong;
  return type === 'email' && !input.validity.valid ? says.fieldEmail : undefined;
}

/** What was filled in; what was not is left out. */
export function answersIn(form: HTMLFormElement, fields: readonly BuyerField[]): Record<string, Answer> {
  const answers: Record<string, Answer> = {};
  for (const field of fields) {
    const input = inputOf(form, field);
    const text = input.value.trim();
    if (field.type === 'boolean') answers[field.name] = (input as HTMLInputElement).checked;
    else if (text !== '') answers[field.name] = field.type === 'number' ? Number(text) : text;
  }
  return answers;
}

/** What the server found wrong, at the field it names. */
export function mistakesOf({ facts: { errors = [] } }: Refusal): Mistakes {
  return Object.fromEntries(errors.map(({ path, message }) => [path.replace(/^answers\.|(?<=^items).*/, ''), message]));
}
