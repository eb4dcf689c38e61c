import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { act, isBusy } from './act.js';
import { BuyerFieldRow } from './buyer-field-row.js';
import { Field, type Mistakes, SelectField } from './field.js';
import type { Sale } from './model.js';
import { changes, timeZone, toLocalTime, toMajor, wholeSale, type SaleInput } from './sale-input.js';
import { words } from './words/index.js';

const hourMs = 3_600_000;

/** `id`: its own, so that what stands in the others stays there; `first`: what it began with, undefined if it was added. */
interface FormRow<T> {
  readonly id: number;
  readonly first: T | undefined;
}

/** Rows that come and go. */
function useRows<T>(given: readonly (T | undefined)[]) {
  const [rows, setRows] = useState<readonly FormRow<T>[]>(() => given.map((first, id) => ({ id, first })));
  return {
    rows,
    add: (): void => {
      setRows([...rows, { id: Math.max(-1, ...rows.map(({ id }) => id)) + 1, first: undefined }]);
    },
    remove: (id: number): void => {
      setRows(rows.filter((row) => row.id !== id));
    },
  };
}

/**
 * A sale to fill in. Whether that is right is for the server to say, which names the fields by their paths.
 * @param sale the one to change; undefined: a new one
 * @param save gives what to say when it is done
 */
export function SaleForm({
  sale,
  verb,
  save,
}: {
  sale?: Sale;
  verb: string;
  save: (input: SaleInput) => Promise<string>;
}): JSX.Element {
  const says = words.value;
  const form = useRef<HTMLFormElement>(null);
  const [mistakes, setMistakes] = useState<Mistakes>([]);
  const types = useRows(sale?.ticketTypes ?? [undefined]);
  const fields = useRows(sale?.buyerFields ?? []);
  const isWhole = sale === undefined || sale.status === 'draft';
  const currency = sale?.ticketTypes[0]?.currency ?? 'EUR';
  const now = Math.ceil(Date.now() / hourMs) * hourMs;

  useEffect(() => {
    if (mistakes.length > 0) form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [mistakes]);

  async function submit(element: HTMLFormElement): Promise<void> {
    const rows = { ticketTypes: types.rows.length, buyerFields: fields.rows.length };
    const input = isWhole ? wholeSale(element, rows, sale) : changes(element, sale);
    if (isBusy.value) return;
    const refusal = await act(() => save(input));
    setMistakes(refusal?.facts.errors ?? []);
  }

  return (
    <form
      ref={form}
      class="sale-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit(event.currentTarget);
      }}
    >
      <section class="card">
        <div class="grid">
          <Field name="name" label={says.name} mistakes={mistakes} value={sale?.name} />
          {isWhole && (
            <SelectField
              name="payment"
              label={says.paymentMode}
              mistakes={mistakes}
              choices={says.paymentModes}
              value={sale?.payment}
            />
          )}
          <Field
            name="opensAt"
            kind="time"
            label={says.opensAt}
            hint={timeZone}
            mistakes={mistakes}
            value={toLocalTime(sale === undefined ? new Date(now) : new Date(sale.opensAt))}
          />
          <Field
            name="closesAt"
            kind="time"
            label={says.closesAt}
            hint={timeZone}
            mistakes={mistakes}
            value={toLocalTime(sale === undefined ? new Date(now + 24 * hourMs) : new Date(sale.closesAt))}
          />
          <Field
            name="holdSeconds"
            kind="number"
            label={says.holdSeconds}
            mistakes={mistakes}
            value={sale?.holdSeconds ?? 600}
          />
          <Field
            name="maxPerBuyer"
            kind="number"
            label={says.maxPerBuyer}
            mistakes={mistakes}
            value={sale?.maxPerBuyer ?? 4}
          />
        </div>
      </section>
      <section class="card" aria-labelledby="types">
        <h2 id="types">{says.ticketTypes}</h2>
        {isWhole && (
          <div class="grid">
            <Field name="ticketTypes[0].currency" label={says.currency} mistakes={mistakes} value={currency} />
          </div>
        )}
        {types.rows.map(({ id, first: type }, i) => {
          const at = `ticketTypes[${i}]`;
          if (!isWhole) {
            return (
              <div class="row" key={id}>
                <Field
                  name={`${at}.capacity`}
                  kind="number"
                  label={`${says.capacity}: ${type?.name ?? ''}`}
                  mistakes={mistakes}
                  value={type?.capacity}
                />
              </div>
            );
          }
          return (
            <Row
              key={id}
              name={says.ticketTypeNumber(i + 1)}
              onRemove={
                types.rows.length > 1
                  ? () => {
                      types.remove(id);
                    }
                  : undefined
              }
            >
              <Field name={`${at}.name`} label={says.name} mistakes={mistakes} value={type?.name} />
              <Field
                name={`${at}.priceMinor`}
                kind="number"
                label={says.price}
                mistakes={mistakes}
                value={type === undefined ? undefined : toMajor(type.priceMinor, type.currency)}
              />
              <Field
                name={`${at}.capacity`}
                kind="number"
                label={says.capacity}
                mistakes={mistakes}
                value={type?.capacity}
              />
              <Field
                name={`${at}.maxPerOrder`}
                kind="number"
                label={says.maxPerOrder}
                mistakes={mistakes}
                value={type?.maxPerOrder ?? 4}
              />
            </Row>
          );
        })}
        {isWhole && (
          <button type="button" onClick={types.add}>
            {says.addTicketType}
          </button>
        )}
      </section>
      {isWhole && (
        <section class="card" aria-labelledby="fields">
          <h2 id="fields">{says.buyerFields}</h2>
          <p class="fine">{says.buyerFieldsHint}</p>
          {fields.rows.map(({ id, first }, i) => (
            <Row
              key={id}
              name={says.buyerFieldNumber(i + 1)}
              onRemove={() => {
                fields.remove(id);
              }}
            >
              <BuyerFieldRow at={`buyerFields[${i}]`} field={first} mistakes={mistakes} />
            </Row>
          ))}
          <button type="button" onClick={fields.add}>
            {says.addBuyerField}
          </button>
        </section>
      )}
      <div class="actions">
        <button class="primary" aria-disabled={isBusy.value}>
          {verb}
        </button>
      </div>
    </form>
  );
}

function Row({
  name,
  onRemove,
  children,
}: {
  name: string;
  onRemove: (() => void) | undefined;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <fieldset class="row">
      <legend>{name}</legend>
      {children}
      {onRemove !== undefined && (
        <button type="button" class="quiet" aria-label={`${words.value.remove}: ${name}`} onClick={onRemove}>
          {words.value.remove}
        </button>
      )}
    </fieldset>
  );
}
