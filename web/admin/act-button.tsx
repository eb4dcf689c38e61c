import type { JSX } from 'preact';
import { act, isBusy } from './act.js';
import { sure } from './confirm.js';

/** A button that does something. @param question asked before, where it cannot be undone @param work gives what to say when it is done */
export function ActButton({
  label,
  question,
  work,
  kind = '',
  about,
}: {
  label: string;
  question?: string;
  work: () => Promise<string>;
  kind?: '' | 'primary' | 'danger';
  /** of which of many such buttons this is */
  about?: string;
}): JSX.Element {
  async function click(): Promise<void> {
    if (isBusy.value || (question !== undefined && !(await sure(question, label)))) return;
    await act(work);
  }
  return (
    <button
      type="button"
      class={kind}
      aria-disabled={isBusy.value}
      aria-label={about === undefined ? undefined : `${label}: ${about}`}
      onClick={() => {
        void click();
      }}
    >
      {label}
    </button>
  );
}
