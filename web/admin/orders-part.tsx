import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { dateTime, money, number } from '../shared/language.js';
import { go, Link } from '../shared/router.js';
import { ActButton } from './act-button.js';
import { useList } from './loaded.js';
import type { Order, OrderStatus, Sale } from './model.js';
import { apiFile } from './session.js';
import { Status } from './status.js';
import { ListTable } from './table.js';
import { words } from './words/index.js';

const statuses: readonly OrderStatus[] = ['queued', 'reserved', 'confirmed', 'expired', 'cancelled', 'rejected'];

/** The orders of a sale, newest first, by status and buyer; or one, by its number. */
export function OrdersPart({ sale }: { sale: Sale }): JSX.Element {
  const says = words.value;
  const [filter, setFilter] = useState('');
  const address = `/v1/admin/sales/${sale.id}/orders${filter}`;
  const list = useList<Order>(address);
  function choose(form: HTMLFormElement): void {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form))
      if (typeof value === 'string' && value.trim() !== '') query.set(name, value.trim());
    const orderId = query.get('orderId');
    if (orderId !== null) {
      go(`/admin/sales/${sale.id}/orders/${encodeURIComponent(orderId)}`);
      return;
    }
    const next = query.size === 0 ? '' : `?${query}`;
    if (next === filter) void list.again();
    else setFilter(next);
  }
  return (
    <>
      <form
        class="filter"
        onSubmit={(event) => {
          event.preventDefault();
          choose(event.currentTarget);
        }}
      >
        <label>
          {says.status}
          <select
            name="status"
            onChange={(event) => {
              event.currentTarget.form?.requestSubmit();
            }}
          >
            <option value="">{says.every}</option>
            {statuses.map((status) => (
              <option key={status} value={status}>
                {says.statuses[status]}
              </option>
            ))}
          </select>
        </label>
        <label>
          {says.buyer}
          <input name="buyerId" type="search" autoComplete="off" maxLength={255} />
        </label>
        <label>
          {says.orderNumber}
          <input name="orderId" type="search" autoComplete="off" />
        </label>
        <button>{says.find}</button>
        <ActButton
          label={says.csv}
          work={async () => {
            await download(address, `orders-${sale.id}.csv`);
            return says.csvDone;
          }}
        />
      </form>
      <ListTable
        list={list}
        label={says.orders}
        none={says.noOrders}
        columns={[
          { name: says.order, of: ({ id }) => <Link to={`/admin/sales/${sale.id}/orders/${id}`}>{id.slice(-8)}</Link> },
          { name: says.status, of: ({ status }) => <Status of={status} /> },
          { name: says.buyer, of: ({ buyerId }) => buyerId },
          {
            name: says.tickets,
            isNumber: true,
            of: ({ items }) => number(items.reduce((sum, { quantity }) => sum + quantity, 0)),
          },
          { name: says.total, isNumber: true, of: ({ totalMinor, currency }) => money(totalMinor, currency) },
          { name: says.when, of: ({ createdAt }) => dateTime(createdAt) },
        ]}
      />
    </>
  );
}

/** Has the browser keep an answer as a file. Not a plain link: it could not ask for CSV. */
async function download(address: string, fileName: string): Promise<void> {
  const file = await apiFile(address, { headers: { accept: 'text/csv' }, timeoutMs: null });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = fileName;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 60_000);
}
