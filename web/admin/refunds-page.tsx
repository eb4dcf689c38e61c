import type { JSX } from 'preact';
import { dateTime, money } from '../shared/language.js';
import { Link } from '../shared/router.js';
import { useTitle } from '../shared/use-title.js';
import { useList } from './loaded.js';
import type { Refund } from './model.js';
import { ListTable } from './table.js';
import { words } from './words/index.js';

/** Payments that are owed back. */
export function RefundsPage(): JSX.Element {
  const says = words.value;
  useTitle(says.refunds);
  const list = useList<Refund>('/v1/admin/refunds');
  return (
    <>
      <h1>{says.refunds}</h1>
      <p class="fine">{says.refundsHint}</p>
      <ListTable
        list={list}
        label={says.refunds}
        none={says.noRefunds}
        columns={[
          { name: says.when, of: ({ createdAt }) => dateTime(createdAt) },
          { name: says.amount, isNumber: true, of: ({ amountMinor, currency }) => money(amountMinor, currency) },
          { name: says.payment, of: ({ paymentReference }) => <code>{paymentReference}</code> },
          {
            name: says.reason,
            of: ({ reason }) => (says.refundReasons as Readonly<Record<string, string>>)[reason] ?? reason,
          },
          { name: says.buyer, of: ({ buyerId }) => buyerId },
          {
            name: says.order,
            of: ({ saleId, orderId }) => (
              <Link to={`/admin/sales/${saleId}/orders/${orderId}`}>{orderId.slice(-8)}</Link>
            ),
          },
        ]}
      />
    </>
  );
}
