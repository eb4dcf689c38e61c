import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { act, isBusy } from './act.js';
import { BuyerFieldRow } from './buyer-field-row.js';
import { Field, type Mistakes, SelectField } from './field.js';
import type { Sale } from './model.js';
import { changes, timeZone, toLocalTime, toMajor, wholeSale, type SaleInput } from './sale-input.js';
import { words } from './words/index.js';

const hourMs = 3_600_000;

/** Rows that come and go: each has a number of its own, so that what stands in the others stays there. */
function useRows(count: number): { rows: readonly number[]; add: () => void; remove: (row: number) => void } {
  const [rows, setRows] = useState(() => Array.from({ length: count }, (_, i) => i));
  return {
    rows,
    add() {
      setRows([...rows, Math.max(-1, ...rows) + 1]);
    },
    remove(row) {
      setRows(rows.filter((other) => other !== row));
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
  const types = useRows(sale?.ticketTypes.length ?? 1);
  const fields = useRows(sale?.buyerFields.length ?? 0);
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
        {types.rows.map((row, i) => {
          const type = sale?.ticketTypes[row];
          const at = `ticketTypes[${i}]`;
          if (!isWhole) {
            return (
              <div class="row" key={row}>
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
              key={row}
              name={says.ticketTypeNumber(i + 1)}
              onRemove={
                types.rows.length > 1
                  ? () => {
                      types.remove(row);
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
          {fields.rows.map((row, i) => (
            <Row
              key={row}
              name={says.buyerFieldNumber(i + 1)}
              onRemove={() => {
                fields.remove(row);
              }}
            >
              <BuyerFieldRow at={`buyerFields[${i}]`} field={sale?.buyerFields[row]} mistakes={mistakes} />
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
