import type { ComponentChildren, JSX } from 'preact';
import type { Refusal } from '../shared/http.js';
import { dateTime, money } from '../shared/language.js';
import { Link } from '../shared/router.js';
import { useTitle } from '../shared/use-title.js';
import { ActButton } from './act-button.js';
import { useAnswer } from './loaded.js';
import type { Order, Sale } from './model.js';
import { api, may } from './session.js';
import { Status } from './status.js';
import { Refused, Scroll } from './table.js';
import { words } from './words/index.js';

export function OrderPage({ saleId, orderId }: { saleId: string; orderId: string }): JSX.Element {
  const says = words.value;
  const sales = `/v1/admin/sales/${encodeURIComponent(saleId)}`;
  const address = `${sales}/orders/${encodeURIComponent(orderId)}`;
  const source = useAnswer<Order>(address);
  const { value: sale } = useAnswer<Sale>(sales).state.value;
  const { value: order, refusal } = source.state.value;
  useTitle(`${says.order} ${orderId.slice(-8)}`);
  const canCancel = order !== null && ['reserved', 'confirmed'].includes(order.status) && may('admin');
  return (
    <>
      <nav aria-label={says.parts}>
        <Link to={`/admin/sales/${saleId}/orders`} class="back">
          {says.backToOrders}
        </Link>
      </nav>
      {refusal !== null &&
        (isUnknown(refusal) ? (
          <p class="notice" role="alert">
            {says.noOrders}
          </p>
        ) : (
          <Refused refusal={refusal} />
        ))}
      {order === null ? (
        refusal === null && <p class="muted">{says.loading}</p>
      ) : (
        <>
          <div class="head">
            <h1 tabIndex={-1}>
              {says.order} {orderId.slice(-8)} <Status of={order.status} />
            </h1>
            {canCancel && (
              <div class="actions">
                <ActButton
                  label={says.cancelOrder}
                  kind="danger"
                  question={says.cancelQuestion}
                  work={async () => {
                    source.set(await api<Order>(`${address}/cancel`, { method: 'POST' }));
                    return says.cancelled;
                  }}
                />
              </div>
            )}
          </div>
          <Details order={order} sale={sale} />
        </>
      )}
    </>
  );
}

/** Nothing can have a number that is none. */
function isUnknown({ code }: Refusal): boolean {
  return code === 'not_found' || code === 'validation_failed';
}

function Details({ order, sale }: { order: Order; sale: Sale | null }): JSX.Element {
  const says = words.value;
  const facts: [string, ComponentChildren][] = [
    [says.number, <code key="id">{order.id}</code>],
    [says.buyer, order.buyerId],
    [says.ordered, dateTime(order.createdAt)],
    [says.changed, dateTime(order.updatedAt)],
    ...(order.holdExpiresAt === undefined ? [] : [[says.holdUntil, dateTime(order.holdExpiresAt)] as [string, string]]),
    ...(order.reason === undefined ? [] : [[says.reason, says.rejectReasons[order.reason]] as [string, string]]),
    ...Object.entries(order.answers).map(([name, answer]): [string, string] => [
      sale?.buyerFields.find((field) => field.name === name)?.label ?? name,
      String(answer),
    ]),
  ];
  return (
    <section class="card">
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Scroll label={says.tickets}>
        <table>
          <thead>
            <tr>
              <th scope="col">{says.ticketType}</th>
              <th scope="col" class="n">
                {says.quantity}
              </th>
              <th scope="col" class="n">
                {says.price}
              </th>
            </tr>
          </thead>
          <tbody>
            {order.items.map(({ ticketTypeId, quantity, unitPriceMinor }) => (
              <tr key={ticketTypeId}>
                <td>{sale?.ticketTypes.find(({ id }) => id === ticketTypeId)?.name ?? ticketTypeId}</td>
                <td class="n">{quantity}</td>
                <td class="n">{money(unitPriceMinor, order.currency)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={2}>
                {says.total}
              </th>
              <td class="n">{money(order.totalMinor, order.currency)}</td>
            </tr>
          </tfoot>
        </table>
      </Scroll>
    </section>
  );
}
