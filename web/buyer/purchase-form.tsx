import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { announce } from '../shared/announcer.js';
import { serverSecond } from '../shared/clock.js';
import { duration, money } from '../shared/language.js';
import type { Refusal } from '../shared/http.js';
import { BuyerFieldInput } from './buyer-field-input.js';
import { answersIn, type Mistakes, mistakesIn, mistakesOf } from './answers.js';
import { phaseOf, type Sale } from './model.js';
import type { Purchase } from './purchase.js';
import { TicketRow } from './ticket-row.js';
import { WaitingNotice } from './waiting-notice.js';
import { words } from './words/index.js';

interface PurchaseFormProps {
  readonly sale: Sale;
  readonly purchase: Purchase;
  readonly leftToBuyer: number;
}

/** What to buy and for whom, and the one button. */
export function PurchaseForm({ sale, purchase, leftToBuyer }: PurchaseFormProps): JSX.Element {
  const form = useRef<HTMLFormElement>(null);
  const draft = purchase.draft.value;
  const quantities = draft?.quantities ?? firstChoice(sale);
  const mistakes = useSignal<Mistakes>({});
  const refusal = purchase.refusal.value;
  const { tickets, details, total, sending, stopTrying, stopped, noTickets } = words.value;

  const isUnderWay = purchase.isUnderWay.value;
  const phase = phaseOf(sale, serverSecond.value);
  const items = sale.ticketTypes
    .map(({ id }) => ({ ticketTypeId: id, quantity: quantities[id] ?? 0 }))
    .filter(({ quantity }) => quantity > 0);
  const count = items.reduce((sum, { quantity }) => sum + quantity, 0);
  const totalMinor = sale.ticketTypes.reduce((sum, { id, priceMinor }) => sum + priceMinor * (quantities[id] ?? 0), 0);
  const isOff = isUnderWay || phase !== 'selling';

  useEffect(() => {
    if (refusal !== null) mistakes.value = mistakesOf(refusal);
  }, [refusal]);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [mistakes.value]);

  function submit(event: SubmitEvent): void {
    event.preventDefault();
    if (isOff || form.current === null) return;
    const found = mistakesIn(form.current, sale.buyerFields, words.value);
    mistakes.value = count === 0 ? { ...found, items: noTickets } : found;
    if (Object.keys(mistakes.value).length > 0) return;
    const answers = answersIn(form.current, sale.buyerFields);
    purchase.begin({ items, ...(sale.buyerFields.length === 0 ? {} : { answers }) });
    announce(sending);
  }

  return (
    <form ref={form} noValidate onSubmit={submit}>
      <fieldset class="tickets" disabled={isUnderWay} aria-describedby={mistakes.value['items'] && 'items-mistake'}>
        <legend>{tickets}</legend>
        {sale.ticketTypes.map((type) => (
          <TicketRow
            key={type.id}
            type={type}
            quantity={quantities[type.id] ?? 0}
            most={Math.min(type.maxPerOrder, leftToBuyer - count + (quantities[type.id] ?? 0))}
            onChange={(quantity) => {
              purchase.draft.value = { ...draft, quantities: { ...quantities, [type.id]: quantity } };
              mistakes.value = {};
            }}
          />
        ))}
        {mistakes.value['items'] !== undefined && (
          <p class="mistake" id="items-mistake" role="alert">
            {mistakes.value['items']}
          </p>
        )}
      </fieldset>
      {sale.buyerFields.length > 0 && (
        <fieldset class="details" disabled={isUnderWay}>
          <legend>{details}</legend>
          {sale.buyerFields.map((field) => (
            <BuyerFieldInput
              key={field.name}
              field={field}
              mistake={mistakes.value[field.name]}
              value={draft?.answers?.[field.name]}
              onChange={(answer) => {
                purchase.draft.value = { ...draft, answers: { ...draft?.answers, [field.name]: answer } };
              }}
            />
          ))}
        </fieldset>
      )}
      {refusal !== null && <RefusalNotice refusal={refusal} />}
      {purchase.isGivenUp.value && <p class="notice">{stopped}</p>}
      {purchase.waiting.value !== null && (
        <WaitingNotice waiting={purchase.waiting.value}>
          <button
            type="button"
            onClick={() => {
              purchase.giveUp();
              announce(stopped);
            }}
          >
            {stopTrying}
          </button>
        </WaitingNotice>
      )}
      <div class="checkout">
        <p class="total">
          <span>{total}</span> <strong>{money(totalMinor, sale.ticketTypes[0]?.currency ?? 'EUR')}</strong>
        </p>
        <button class="big" type="submit" aria-disabled={isOff}>
          {isUnderWay ? sending : <ButtonText sale={sale} count={count} />}
        </button>
      </div>
    </form>
  );
}

function ButtonText({ sale, count }: { sale: Sale; count: number }): JSX.Element {
  const { get, opensIn, phases } = words.value;
  const phase = phaseOf(sale, serverSecond.value);
  if (phase === 'selling') return <>{get(count)}</>;
  if (phase !== 'before') return <>{phases[phase]}</>;
  return (
    <>
      {opensIn} {duration(Date.parse(sale.opensAt) - serverSecond.value)}
    </>
  );
}

function RefusalNotice({ refusal }: { refusal: Refusal }): JSX.Element {
  const notice = useRef<HTMLParagraphElement>(null);
  const { refusals, leftToYou } = words.value;
  useEffect(() => {
    if (refusal.code !== 'validation_failed') notice.current?.focus();
  }, [refusal]);
  return (
    <p class="notice bad" role="alert" tabIndex={-1} ref={notice}>
      {refusals[refusal.code]}
      {refusal.facts.left !== undefined && ` ${leftToYou(refusal.facts.left)}`}
    </p>
  );
}

/** Where there is nothing to choose, it is chosen. */
function firstChoice({ ticketTypes: [first, ...others] }: Sale): Readonly<Record<string, number>> {
  return first !== undefined && others.length === 0 ? { [first.id]: 1 } : {};
}
