import { maxFieldErrors, type FieldError } from './errors.js';

export const buyerFieldTypes = ['text', 'email', 'number', 'boolean', 'choice'] as const;
export type BuyerFieldType = (typeof buyerFieldTypes)[number];

/** A question that a sale asks its buyers. */
export interface BuyerField {
  readonly name: string;
  readonly type: BuyerFieldType;
  readonly required: boolean;
  readonly label: string;
  /** the permitted answers of a `choice` */
  readonly choices?: readonly string[];
}

const maxAnswerLength = 1000;

// The HTML standard's own pattern of a valid e-mail address (input type=email), bounded by RFC 5321's 254 characters.
const emailPattern =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+$/;

/** Checks answers against the sale's fields exactly: none missing, none unknown, each of its type. Returns up to 20 faults. */
export function checkAnswers(fields: readonly BuyerField[], answers: Readonly<Record<string, unknown>>): FieldError[] {
  const errors: FieldError[] = [];
  const known = new Set<string>();
  for (const field of fields) {
    known.add(field.name);
    const path = `answers.${field.name}`;
    if (!Object.hasOwn(answers, field.name)) {
      if (field.required) errors.push({ path, message: 'is required' });
      continue;
    }
    const message = wrongAnswer(field, answers[field.name]);
    if (message !== undefined) errors.push({ path, message });
  }
  for (const name of Object.keys(answers)) {
    if (!known.has(name)) errors.push({ path: `answers.${name}`, message: 'is not a field of this sale' });
  }
  return errors.slice(0, maxFieldErrors);
}

function wrongAnswer(field: BuyerField, value: unknown): string | undefined {
  switch (field.type) {
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? undefined : 'must be a number';
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'choice':
      return typeof value === 'string' && field.choices?.includes(value) === true
        ? undefined
        : `must be one of: ${(field.choices ?? []).join(', ')}`;
    case 'email':
      return typeof value === 'string' && value.length <= 254 && emailPattern.test(value)
        ? undefined
        : 'must be an e-mail address';
    case 'text':
      return wrongText(field, value);
  }
}

function wrongText(field: BuyerField, value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a string';
  if (value.length > maxAnswerLength) return `must be at most ${maxAnswerLength} characters long`;
  return field.required && value.trim() === '' ? 'must not be empty' : undefined;
}
