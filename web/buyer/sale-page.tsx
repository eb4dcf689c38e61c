import { untracked, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { announce } from '../shared/announcer.js';
import { serverSecond } from '../shared/clock.js';
import { dateTime, duration } from '../shared/language.js';
import { identity } from './identity.js';
import { phaseOf, ticketsOf, type Order, type Sale, type SalePhase } from './model.js';
import { Nobody } from './nobody.js';
import { OrderBook } from './order-book.js';
import { OrderCard } from './order-card.js';
import { Phase } from './phase.js';
import { Purchase } from './purchase.js';
import { PurchaseForm } from './purchase-form.js';
import { Link } from '../shared/router.js';
import { watchSale } from './sale-watch.js';
import { useTitle } from '../shared/use-title.js';
import { words } from './words/index.js';

/** One sale, and the visitor's orders in it. */
export function SalePage({ saleId }: { saleId: string }): JSX.Element {
  const { watch, book, purchase } = useVisit(saleId);
  const { back, loading, saleUnknown, refusals, stale } = words.value;
  const { value: sale, refusal } = watch.state.value;
  useTitle(sale?.name ?? back);
  if (sale === null) {
    const unknown = refusal?.code === 'not_found' || refusal?.code === 'validation_failed';
    return (
      <>
        <h1>{back}</h1>
        <p class={refusal === null ? 'muted' : 'notice'} role={refusal === null ? undefined : 'alert'}>
          {refusal === null ? loading : unknown ? saleUnknown : refusals[refusal.code]}
        </p>
        <Link to="/">{back}</Link>
      </>
    );
  }
  return (
    <>
      <nav>
        <Link to="/" class="back">
          {back}
        </Link>
      </nav>
      <SaleHead sale={sale} />
      {refusal !== null && <p class="notice">{stale}</p>}
      <Buying sale={sale} book={book} purchase={purchase} />
    </>
  );
}

/** What a visit needs, from its beginning to its end. */
function useVisit(saleId: string) {
  const visit = useMemo(() => {
    const book = new OrderBook(saleId);
    const purchase = new Purchase(saleId, book);
    return { watch: watchSale(saleId), book, purchase };
  }, [saleId]);
  useEffect(
    () => () => {
      visit.watch.stop();
      visit.book.close();
      visit.purchase.close();
    },
    [visit],
  );
  useSignalEffect(() => {
    if (!('token' in identity.value)) return;
    untracked(() => {
      void visit.book.load();
      visit.purchase.resume();
    });
  });
  return visit;
}

function SaleHead({ sale }: { sale: Sale }): JSX.Element {
  const phase = phaseOf(sale, serverSecond.value);
  const { opensIn, opensAt, closesAt, phaseHints, limit } = words.value;
  const untilOpenMs = Date.parse(sale.opensAt) - serverSecond.value;
  return (
    <header class="sale">
      <Phase phase={phase} />
      <h1>{sale.name}</h1>
      <p class="muted">
        {phase === 'before' ? opensAt(dateTime(sale.opensAt)) : closesAt(dateTime(sale.closesAt))} ·{' '}
        {limit(sale.maxPerBuyer)}
      </p>
      {phase === 'before' && (
        <p class="countdown" role="timer">
          <span>{opensIn}</span> <strong>{duration(untilOpenMs)}</strong>
        </p>
      )}
      {phaseHints[phase] !== '' && <p>{phaseHints[phase]}</p>}
      <AnnouncePhase phase={phase} />
    </header>
  );
}

function AnnouncePhase({ phase }: { phase: SalePhase }): null {
  useEffect(() => {
    announce(words.value.phases[phase]);
  }, [phase]);
  return null;
}

const taking: readonly Order['status'][] = ['queued', 'reserved', 'confirmed'];

function Buying({ sale, book, purchase }: { sale: Sale; book: OrderBook; purchase: Purchase }): JSX.Element {
  const { yourOrders, moreTickets, limitReached } = words.value;
  const orders = book.orders.value;
  const live = orders.filter(({ status }) => taking.includes(status));
  const leftToBuyer = sale.maxPerBuyer - live.reduce((sum, order) => sum + ticketsOf(order), 0);
  const form = <PurchaseForm sale={sale} purchase={purchase} leftToBuyer={leftToBuyer} />;
  return (
    <>
      {orders.length > 0 && (
        <section aria-labelledby="your-orders">
          <h2 id="your-orders">{yourOrders}</h2>
          {orders.map((order) => (
            <OrderCard key={order.id} order={order} sale={sale} book={book} />
          ))}
        </section>
      )}
      {!('token' in identity.value) ? (
        <Nobody />
      ) : leftToBuyer <= 0 && !purchase.isUnderWay.value ? (
        <p class="muted">{limitReached}</p>
      ) : live.length > 0 ? (
        <details class="more" open={purchase.isUnderWay.value || purchase.refusal.value !== null}>
          <summary>{moreTickets}</summary>
          {form}
        </details>
      ) : (
        form
      )}
    </>
  );
}
