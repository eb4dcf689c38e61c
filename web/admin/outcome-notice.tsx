import type { JSX } from 'preact';
import { outcome } from './act.js';
import { words } from './words/index.js';

/** What became of the last click. Refusals are read out by being an alert, what was done by the announcer. */
export function OutcomeNotice(): JSX.Element | null {
  const says = words.value;
  const { value } = outcome;
  if (value === null) return null;
  return (
    <aside class={`outcome ${value.kind}`}>
      {value.kind === 'done' ? <p>{value.text}</p> : <p role="alert">{says.refusals[value.refusal.code]}</p>}
      <button
        type="button"
        class="quiet"
        onClick={() => {
          outcome.value = null;
        }}
      >
        {says.dismiss}
      </button>
    </aside>
  );
}
