import { useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { announce } from '../shared/announcer.js';
import { dateTime } from '../shared/language.js';
import { Link } from '../shared/router.js';
import { useTitle } from '../shared/use-title.js';
import { type Source, useAnswer } from './loaded.js';
import type { Sale } from './model.js';
import { OrdersPart } from './orders-part.js';
import { SaleActions } from './sale-actions.js';
import { SaleLive } from './sale-live.js';
import { SaleSettings } from './sale-settings.js';
import { StatsWatch } from './stats-watch.js';
import { Status } from './status.js';
import { Refused } from './table.js';
import { words } from './words/index.js';

export type SalePart = 'live' | 'orders' | 'settings';

export function SalePage({ saleId, part }: { saleId: string; part: SalePart }): JSX.Element {
  const source = useAnswer<Sale>(`/v1/admin/sales/${encodeURIComponent(saleId)}`);
  const { value: sale, refusal } = source.state.value;
  useTitle(sale?.name ?? words.value.sales);
  if (sale === null)
    return refusal === null ? <p class="muted">{words.value.loading}</p> : <Refused refusal={refusal} />;
  return <Known sale={sale} source={source} part={part} />;
}

function Known({ sale, source, part }: { sale: Sale; source: Source<Sale>; part: SalePart }): JSX.Element {
  const says = words.value;
  const watch = useMemo(() => new StatsWatch(sale.id), [sale.id]);
  useEffect(() => {
    watch.start();
    return watch.stop;
  }, [watch]);
  useSignalEffect(() => {
    // somebody else, or the clock, has moved it on
    const status = watch.latest.value?.status;
    if (status !== undefined && status !== source.state.peek().value?.status) void source.again();
  });
  useSignalEffect(() => {
    const { value } = watch.connection;
    if (value === 'cut') announce(words.peek().cut);
    if (value === 'live' && watch.history.peek().includes(null)) announce(words.peek().liveAgain);
  });
  const parts: [SalePart, string][] = [
    ['live', says.live],
    ['orders', says.orders],
    ['settings', says.settings],
  ];
  const connection = watch.connection.value;
  return (
    <>
      <div class="head">
        <div>
          <h1 tabIndex={-1}>
            {sale.name} <Status of={sale.status} />
          </h1>
          <p class="fine">
            {says.window(dateTime(sale.opensAt), dateTime(sale.closesAt))}
            <span class={`connection ${connection}`}>{says.connections[connection]}</span>
          </p>
        </div>
        <SaleActions sale={sale} source={source} />
      </div>
      {connection === 'cut' && <p class="notice">{says.cut}</p>}
      <nav class="parts" aria-label={says.parts}>
        {parts.map(([name, label]) => (
          <Link
            key={name}
            to={`/admin/sales/${sale.id}${name === 'live' ? '' : `/${name}`}`}
            aria-current={part === name ? 'page' : undefined}
          >
            {label}
          </Link>
        ))}
      </nav>
      {part === 'live' && <SaleLive sale={sale} watch={watch} />}
      {part === 'orders' && <OrdersPart sale={sale} />}
      {part === 'settings' && <SaleSettings sale={sale} source={source} />}
    </>
  );
}
