import type { JSX } from 'preact';
import { dateTime, number } from '../shared/language.js';
import { Link } from '../shared/router.js';
import { useTitle } from '../shared/use-title.js';
import { useList } from './loaded.js';
import type { Sale } from './model.js';
import { ReconcileButton } from './reconcile-button.js';
import { may } from './session.js';
import { Status } from './status.js';
import { ListTable } from './table.js';
import { words } from './words/index.js';

export function SalesPage(): JSX.Element {
  const says = words.value;
  useTitle(says.sales);
  const list = useList<Sale>('/v1/admin/sales');
  return (
    <>
      <div class="head">
        <h1>{says.sales}</h1>
        <div class="actions">
          <ReconcileButton />
          {may('admin') && (
            <Link to="/admin/sales/new" class="button primary">
              {says.newSale}
            </Link>
          )}
        </div>
      </div>
      <ListTable
        list={list}
        label={says.sales}
        none={says.noSales}
        columns={[
          { name: says.name, of: ({ id, name }) => <Link to={`/admin/sales/${id}`}>{name}</Link> },
          { name: says.status, of: ({ status }) => <Status of={status} /> },
          { name: says.opensAt, of: ({ opensAt }) => dateTime(opensAt) },
          { name: says.closesAt, of: ({ closesAt }) => dateTime(closesAt) },
          { name: says.available, isNumber: true, of: (sale) => number(sumOf(sale, 'available')) },
          { name: says.capacity, isNumber: true, of: (sale) => number(sumOf(sale, 'capacity')) },
        ]}
      />
    </>
  );
}

function sumOf({ ticketTypes }: Sale, what: 'available' | 'capacity'): number {
  return ticketTypes.reduce((sum, type) => sum + type[what], 0);
}
