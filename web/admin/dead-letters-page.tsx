import type { JSX } from 'preact';
import { dateTime, number } from '../shared/language.js';
import { Link } from '../shared/router.js';
import { useTitle } from '../shared/use-title.js';
import { ActButton } from './act-button.js';
import { type List, useList } from './loaded.js';
import type { DeadLetter } from './model.js';
import { api, may } from './session.js';
import { ListTable } from './table.js';
import { words } from './words/index.js';

/** Orders that cannot be written, and what to do with them. */
export function DeadLettersPage(): JSX.Element {
  const says = words.value;
  useTitle(says.deadLetters);
  const list = useList<DeadLetter>('/v1/admin/dead-letters');
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>{says.deadLetters}</h1>
        <div class="actions">
          <ActButton
            label={says.refresh}
            work={async () => {
              await list.again();
              return says.refreshed;
            }}
          />
        </div>
      </div>
      <p class="fine">{says.deadLettersHint}</p>
      <ListTable
        list={list}
        label={says.deadLetters}
        none={says.noDeadLetters}
        columns={[
          { name: says.when, of: ({ createdAt }) => dateTime(createdAt) },
          {
            name: says.order,
            of: ({ saleId, id }) => <Link to={`/admin/sales/${saleId}/orders/${id}`}>{id.slice(-8)}</Link>,
          },
          { name: says.error, of: ({ error }) => <code class="details">{error}</code> },
          { name: says.attempts, isNumber: true, of: ({ attempts }) => number(attempts) },
          { name: says.payload, of: (letter) => <Payload letter={letter} /> },
          ...(may('admin')
            ? [{ name: says.actions, of: (letter: DeadLetter) => <Actions letter={letter} list={list} /> }]
            : []),
        ]}
      />
    </>
  );
}

function Payload({ letter }: { letter: DeadLetter }): JSX.Element {
  return (
    <details>
      <summary>{words.value.show}</summary>
      <code class="details">{letter.payload}</code>
    </details>
  );
}

function Actions({ letter: { id }, list }: { letter: DeadLetter; list: List<DeadLetter> }): JSX.Element {
  const says = words.value;
  const address = `/v1/admin/dead-letters/${id}`;
  return (
    <div class="actions">
      <ActButton
        label={says.retry}
        about={id.slice(-8)}
        work={async () => {
          await api(`${address}/retry`, { method: 'POST' });
          await list.again();
          return says.retried;
        }}
      />
      <ActButton
        label={says.discard}
        about={id.slice(-8)}
        kind="danger"
        question={says.discardQuestion}
        work={async () => {
          await api(address, { method: 'DELETE' });
          await list.again();
          return says.discarded;
        }}
      />
    </div>
  );
}
