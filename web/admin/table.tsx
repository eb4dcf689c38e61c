import type { ComponentChildren, JSX } from 'preact';
import type { Refusal } from '../shared/http.js';
import { act, isBusy } from './act.js';
import type { List } from './loaded.js';
import { words } from './words/index.js';

/** What may be wider than the screen: the keyboard can scroll it. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="scroll" role="group" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}

export interface Column<T> {
  readonly name: string;
  readonly isNumber?: boolean;
  readonly of: (row: T) => ComponentChildren;
}

/** A list of the API: its rows, what to say where there are none, and a button for more. */
export function ListTable<T extends { readonly id: string }>({
  list,
  label,
  none,
  columns,
}: {
  list: List<T>;
  label: string;
  none: string;
  columns: readonly Column<T>[];
}): JSX.Element {
  const says = words.value;
  const { value, refusal } = list.state.value;
  return (
    <>
      {refusal !== null && <Refused refusal={refusal} />}
      {value === null && refusal === null && <p class="muted">{says.loading}</p>}
      {value?.data.length === 0 && <p class="muted">{none}</p>}
      {value !== null && value.data.length > 0 && (
        <Scroll label={label}>
          <table>
            <thead>
              <tr>
                {columns.map(({ name, isNumber }) => (
                  <th key={name} scope="col" class={isNumber === true ? 'n' : ''}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {value.data.map((row) => (
                <tr key={row.id}>
                  {columns.map(({ name, isNumber, of }) => (
                    <td key={name} class={isNumber === true ? 'n' : ''}>
                      {of(row)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {typeof value?.nextCursor === 'string' && (
        <button
          type="button"
          aria-disabled={isBusy.value}
          onClick={() => {
            void act(async () => {
              await list.more();
              return says.moreShown;
            });
          }}
        >
          {says.more}
        </button>
      )}
    </>
  );
}

export function Refused({ refusal }: { refusal: Refusal }): JSX.Element {
  return (
    <p class="notice bad" role="alert">
      {words.value.refusals[refusal.code]}
    </p>
  );
}
