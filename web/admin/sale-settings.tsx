import type { JSX } from 'preact';
import { dateTime, money, number } from '../shared/language.js';
import type { Source } from './loaded.js';
import type { Sale } from './model.js';
import { SaleForm } from './sale-form.js';
import { api, may } from './session.js';
import { Scroll } from './table.js';
import { words } from './words/index.js';

/** What the sale is: to change for who may, to read for everybody else. */
export function SaleSettings({ sale, source }: { sale: Sale; source: Source<Sale> }): JSX.Element {
  const says = words.value;
  if (!may('admin')) return <Facts sale={sale} />;
  return (
    <>
      {sale.status !== 'draft' && <p class="fine">{says.settingsHint}</p>}
      <SaleForm
        key={sale.status === 'draft'}
        sale={sale}
        verb={says.save}
        save={async (input) => {
          source.set(await api<Sale>(`/v1/admin/sales/${sale.id}`, { method: 'PATCH', json: input }));
          return says.saved;
        }}
      />
    </>
  );
}

function Facts({ sale }: { sale: Sale }): JSX.Element {
  const says = words.value;
  const facts = [
    [says.opensAt, dateTime(sale.opensAt)],
    [says.closesAt, dateTime(sale.closesAt)],
    [says.holdSeconds, number(sale.holdSeconds)],
    [says.maxPerBuyer, number(sale.maxPerBuyer)],
    [says.paymentMode, says.paymentModes[sale.payment]],
    ...sale.buyerFields.map((field) => [says.question, field.label]),
  ];
  return (
    <section class="card">
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={`${name ?? ''}${value ?? ''}`}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Scroll label={says.ticketTypes}>
        <table>
          <thead>
            <tr>
              <th scope="col">{says.ticketType}</th>
              <th scope="col" class="n">
                {says.price}
              </th>
              <th scope="col" class="n">
                {says.capacity}
              </th>
              <th scope="col" class="n">
                {says.maxPerOrder}
              </th>
            </tr>
          </thead>
          <tbody>
            {sale.ticketTypes.map(({ id, name, priceMinor, currency, capacity, maxPerOrder }) => (
              <tr key={id}>
                <td>{name}</td>
                <td class="n">{money(priceMinor, currency)}</td>
                <td class="n">{number(capacity)}</td>
                <td class="n">{maxPerOrder}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
