import type { JSX } from 'preact';
import { number } from '../shared/language.js';
import type { Sale, SaleStats, Stock } from './model.js';
import { Scroll } from './table.js';
import { words } from './words/index.js';

const states = ['confirmed', 'reserved', 'queued', 'available'] as const;

/** Where every ticket is: a bar and its numbers for each ticket type. */
export function StockTable({ sale, stats }: { sale: Sale; stats: SaleStats | null }): JSX.Element {
  const says = words.value;
  return (
    <section class="card" aria-labelledby="stock">
      <h2 id="stock">{says.stock}</h2>
      <Scroll label={says.stock}>
        <table class="stock">
          <thead>
            <tr>
              <th scope="col">{says.ticketType}</th>
              {states.map((state) => (
                <th key={state} scope="col" class="n">
                  <span class={`swatch ${state}`} aria-hidden="true" />
                  {says[state]}
                </th>
              ))}
              <th scope="col" class="n">
                {says.capacity}
              </th>
              <th scope="col" class="n">
                {says.drift}
              </th>
            </tr>
          </thead>
          <tbody>
            {stats?.stock.map((stock) => (
              <tr key={stock.ticketTypeId}>
                <th scope="row">
                  {sale.ticketTypes.find(({ id }) => id === stock.ticketTypeId)?.name ?? stock.ticketTypeId}
                  <Bar stock={stock} />
                </th>
                {states.map((state) => (
                  <td key={state} class="n">
                    {number(stock[state])}
                  </td>
                ))}
                <td class="n">{number(stock.capacity)}</td>
                <td class={stock.drift === 0 ? 'n' : 'n wrong'}>{number(stock.drift)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

function Bar({ stock }: { stock: Stock }): JSX.Element {
  return (
    <span class="stock-bar" aria-hidden="true">
      {states.map((state) => (
        <span
          key={state}
          class={state}
          style={{ width: `${(Math.max(0, stock[state]) / Math.max(1, stock.capacity)) * 100}%` }}
        />
      ))}
    </span>
  );
}
