import type { BuyerField, Sale } from './model.js';

/** A sale as a form has it: what was left empty is not there, and the server says what it thinks of that. */
export type SaleInput = Readonly<Record<string, unknown>>;

/** How many digits a currency has behind the point; 2 where nobody knows it. */
function digitsOf(currency: string): number {
  try {
    const format = new Intl.NumberFormat('en', { style: 'currency', currency });
    return format.resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

export function toMajor(minor: number, currency: string): string {
  const digits = digitsOf(currency);
  return (minor / 10 ** digits).toFixed(digits);
}

/** For an input of the type datetime-local, in the time zone of the browser. */
export function toLocalTime(time: Date): string {
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

export const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/**
 * All of it, for a new sale or a draft.
 * @param rows how many ticket types and buyer fields the form has
 * @param before the draft
 */
export function wholeSale(
  form: HTMLFormElement,
  rows: { readonly ticketTypes: number; readonly buyerFields: number },
  before: Sale | undefined,
): SaleInput {
  const currency = text(form, 'ticketTypes[0].currency')?.toUpperCase();
  return {
    ...frame(form, before),
    payment: text(form, 'payment'),
    ticketTypes: Array.from({ length: rows.ticketTypes }, (_, i) => ({
      name: text(form, `ticketTypes[${i}].name`),
      priceMinor: minor(text(form, `ticketTypes[${i}].priceMinor`), currency),
      currency,
      capacity: number(form, `ticketTypes[${i}].capacity`),
      maxPerOrder: number(form, `ticketTypes[${i}].maxPerOrder`),
    })),
    buyerFields: Array.from({ length: rows.buyerFields }, (_, i) => buyerField(form, `buyerFields[${i}]`)),
  };
}

/** What may change of a sale that was opened. Capacities that stay are left out: changing one touches the stock. */
export function changes(form: HTMLFormElement, before: Sale): SaleInput {
  const ticketTypes = before.ticketTypes
    .map(({ id, capacity }, i) => ({ id, capacity: number(form, `ticketTypes[${i}].capacity`) ?? null, was: capacity }))
    .filter(({ capacity, was }) => capacity !== was)
    .map(({ id, capacity }) => ({ id, capacity }));
  return { ...frame(form, before), ...(ticketTypes.length === 0 ? {} : { ticketTypes }) };
}

/** An empty field is null, not absent: a PATCH would leave alone what is absent. */
function frame(form: HTMLFormElement, before: Sale | undefined): Record<string, unknown> {
  return {
    name: text(form, 'name') ?? null,
    opensAt: time(form, 'opensAt', before?.opensAt),
    closesAt: time(form, 'closesAt', before?.closesAt),
    holdSeconds: number(form, 'holdSeconds') ?? null,
    maxPerBuyer: number(form, 'maxPerBuyer') ?? null,
  };
}

function buyerField(form: HTMLFormElement, path: string): Record<string, unknown> {
  const type = text(form, `${path}.type`) as BuyerField['type'];
  const choices = text(form, `${path}.choices`)
    ?.split(',')
    .map((choice) => choice.trim())
    .filter((choice) => choice !== '');
  return {
    name: text(form, `${path}.name`),
    label: text(form, `${path}.label`),
    type,
    required: (form.elements.namedItem(`${path}.required`) as HTMLInputElement).checked,
    ...(type === 'choice' ? { choices } : {}),
  };
}

function text(form: HTMLFormElement, name: string): string | undefined {
  const control = form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement | null;
  const value = control?.value.trim() ?? '';
  return value === '' ? undefined : value;
}

function number(form: HTMLFormElement, name: string): number | undefined {
  const value = text(form, name);
  return value === undefined ? undefined : Number(value);
}

/** @param before stays to the millisecond, unless the field says something else */
function time(form: HTMLFormElement, name: string, before: string | undefined): string | null {
  const value = text(form, name);
  if (value === undefined) return null;
  return before !== undefined && toLocalTime(new Date(before)) === value ? before : new Date(value).toISOString();
}

function minor(major: string | undefined, currency = ''): number | undefined {
  if (major === undefined) return undefined;
  const value = Number(major) * 10 ** digitsOf(currency);
  const rounded = Math.round(value);
  return Math.abs(value - rounded) < 1e-6 ? rounded : value; // half a cent is the server's to refuse
}
