import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
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
      <Buying key={purchase.buyerId} sale={sale} book={book} purchase={purchase} />
    </>
  );
}

/** The sale, and one buyer's orders in it: another buyer on this page is another visit. */
function useVisit(saleId: string) {
  const who = identity.value;
  const buyerId = 'buyerId' in who ? who.buyerId : null;
  const token = 'token' in who ? who.token : null;
  const watch = useMemo(() => watchSale(saleId), [saleId]);
  const visit = useMemo(() => {
    const book = new OrderBook(saleId);
    return { book, purchase: new Purchase(saleId, buyerId, book) };
  }, [saleId, buyerId]);
  useEffect(() => watch.stop, [watch]);
  // at once: what the last buyer has under way must not be sent as the next one's
  useLayoutEffect(
    () => () => {
      visit.book.close();
      visit.purchase.close();
    },
    [visit],
  );
  useEffect(() => {
    if (token === null) return;
    const look = (): void => {
      if (!document.hidden) void visit.book.load();
    };
    visit.purchase.resume();
    void visit.book.load();
    document.addEventListener('visibilitychange', look);
    return () => {
      document.removeEventListener('visibilitychange', look);
    };
  }, [visit, token]);
  return { watch, ...visit };
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
  const isFirst = live.length === 0;
  const isBusy = purchase.isUnderWay.value || purchase.draft.value !== null;
  const hasNews = purchase.refusal.value !== null || purchase.isGivenUp.value;
  const details = useRef<HTMLDetailsElement>(null);
  useLayoutEffect(() => {
    if (details.current !== null) details.current.open = isFirst || isBusy || hasNews;
  }, [isFirst, isBusy, hasNews]);
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
      ) : (
        <details class="more" ref={details} open>
          <summary hidden={isFirst}>{moreTickets}</summary>
          <PurchaseForm sale={sale} purchase={purchase} leftToBuyer={leftToBuyer} />
        </details>
      )}
    </>
  );
}
