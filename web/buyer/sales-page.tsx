import type { JSX } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { serverSecond } from '../shared/clock.js';
import { dateTime } from '../shared/language.js';
import { phaseOf, type Sale } from './model.js';
import { Phase } from './phase.js';
import { Link } from '../shared/router.js';
import { watchSales } from './sale-watch.js';
import { useTitle } from '../shared/use-title.js';
import { words } from './words/index.js';

/** All that is, was or will be on sale. */
export function SalesPage(): JSX.Element {
  const watch = useMemo(watchSales, []);
  useEffect(() => watch.stop, [watch]);
  const { sales, noSales, loading, stale } = words.value;
  useTitle(sales);
  const { value, refusal } = watch.state.value;
  return (
    <>
      <h1>{sales}</h1>
      {refusal !== null && <p class="notice">{stale}</p>}
      {value === null && refusal === null && <p class="muted">{loading}</p>}
      {value?.length === 0 && <p class="muted">{noSales}</p>}
      {value !== null && value.length > 0 && (
        <ul class="sales">
          {value.map((sale) => (
            <SaleLink key={sale.id} sale={sale} />
          ))}
        </ul>
      )}
    </>
  );
}

function SaleLink({ sale }: { sale: Sale }): JSX.Element {
  const phase = phaseOf(sale, serverSecond.value);
  const { opensAt, closesAt } = words.value;
  return (
    <li>
      <Link to={`/sales/${sale.id}`} class="card">
        <strong>{sale.name}</strong>
        <Phase phase={phase} />
        {phase === 'before' && <span class="muted">{opensAt(dateTime(sale.opensAt))}</span>}
        {(phase === 'selling' || phase === 'sold-out') && (
          <span class="muted">{closesAt(dateTime(sale.closesAt))}</span>
        )}
      </Link>
    </li>
  );
}
