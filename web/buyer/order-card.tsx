import type { JSX, RefObject } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks';
import { announce } from '../shared/announcer.js';
import { serverSecond } from '../shared/clock.js';
import { dateTime, duration, money } from '../shared/language.js';
import type { Order, Sale } from './model.js';
import type { OrderBook } from './order-book.js';
import { WaitingNotice } from './waiting-notice.js';
import { words } from './words/index.js';

/** One order as it is now, and what its buyer can do about it. */
export function OrderCard({ order, sale, book }: { order: Order; sale: Sale; book: OrderBook }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();
  const { statuses, statusHints, reasons, payHint, orderNumber, orderedAt, refusals, leftToYou } = words.value;
  const { status, reason } = order;
  const isNew = useRef(status === 'queued');
  useEffect(() => {
    if (isNew.current) heading.current?.focus();
    isNew.current = false;
  }, []);
  useEffect(() => {
    announce(words.value.statuses[status]);
  }, [status]);
  const toPay = status === 'reserved' && sale.payment === 'webhook';
  const hint = reason !== undefined ? reasons[reason] : toPay ? payHint : statusHints[status];
  const refused = book.refused.value;
  return (
    <article class={`card order ${status}`} aria-labelledby={id}>
      <h3 id={id} tabIndex={-1} ref={heading}>
        {statuses[status]}
      </h3>
      {status === 'reserved' && <TimeLeft order={order} />}
      <p>{hint}</p>
      <Items order={order} sale={sale} />
      {refused?.orderId === order.id && (
        <p class="notice bad" role="alert">
          {refusals[refused.refusal.code]}
          {refused.refusal.facts.left !== undefined && ` ${leftToYou(refused.refusal.facts.left)}`}
        </p>
      )}
      {status === 'reserved' && <Steps order={order} book={book} toPay={toPay} heading={heading} />}
      <p class="fine">
        <span>{orderedAt(dateTime(order.createdAt))}</span>
        <span>
          {orderNumber} <code>{order.id}</code>
        </span>
      </p>
      {status === 'queued' && <div class="working" aria-hidden="true" />}
    </article>
  );
}

function Items({ order, sale }: { order: Order; sale: Sale }): JSX.Element {
  const nameOf = (id: string): string => sale.ticketTypes.find((type) => type.id === id)?.name ?? '';
  return (
    <dl class="items">
      {order.items.map(({ ticketTypeId, quantity, unitPriceMinor }) => (
        <div key={ticketTypeId}>
          <dt>
            {quantity} × {nameOf(ticketTypeId)}
          </dt>
          <dd>{money(quantity * unitPriceMinor, order.currency)}</dd>
        </div>
      ))}
      <div class="sum">
        <dt>{words.value.total}</dt>
        <dd>{money(order.totalMinor, order.currency)}</dd>
      </div>
    </dl>
  );
}

function TimeLeft({ order }: { order: Order }): JSX.Element {
  const { timeLeft, timeOver } = words.value;
  const leftMs = Date.parse(order.holdExpiresAt ?? '') - serverSecond.value;
  if (leftMs <= 0) return <p class="countdown">{timeOver}</p>;
  return (
    <p class={leftMs < 60_000 ? 'countdown short' : 'countdown'} role="timer">
      <span>{timeLeft}</span> <strong>{duration(leftMs)}</strong>
    </p>
  );
}

interface StepsProps {
  readonly order: Order;
  readonly book: OrderBook;
  readonly toPay: boolean;
  /** where the focus goes when the buttons go away */
  readonly heading: RefObject<HTMLElement | null>;
}

function Steps({ order, book, toPay, heading }: StepsProps): JSX.Element {
  const buttons = useRef<HTMLDivElement>(null);
  useLayoutEffect(
    () => () => {
      if (buttons.current?.contains(document.activeElement) === true) heading.current?.focus();
    },
    [],
  );
  const { confirm, confirming, cancel, cancelling } = words.value;
  const stepping = book.stepping.value;
  const mine = stepping?.orderId === order.id ? stepping : null;
  const waiting = mine?.waiting ?? null;
  return (
    <>
      <div class="steps" ref={buttons}>
        {!toPay && (
          <button
            class="big"
            type="button"
            aria-disabled={stepping !== null}
            onClick={() => void book.step(order, 'confirm')}
          >
            {mine?.step === 'confirm' ? confirming : confirm}
          </button>
        )}
        <button type="button" aria-disabled={stepping !== null} onClick={() => void book.step(order, 'cancel')}>
          {mine?.step === 'cancel' ? cancelling : cancel}
        </button>
      </div>
      {waiting !== null && <WaitingNotice waiting={waiting} />}
    </>
  );
}
