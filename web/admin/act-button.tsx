import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
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
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(
    () => () => {
      if (button.current !== null && button.current === document.activeElement) leaveFocus(button.current);
    },
    [],
  );
  async function click(): Promise<void> {
    if (isBusy.value || (question !== undefined && !(await sure(question, label)))) return;
    await act(work);
  }
  return (
    <button
      ref={button}
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

/** The button goes away by what it did: the keyboard goes on at the nearest place that stays. */
function leaveFocus(button: HTMLElement): void {
  const places = [
    button.closest<HTMLElement>('.scroll'),
    button.closest('.head')?.querySelector('h1'),
    document.getElementById('main'),
  ];
  queueMicrotask(() => {
    if (document.activeElement === document.body) places.find((place) => place?.isConnected)?.focus();
  });
}
