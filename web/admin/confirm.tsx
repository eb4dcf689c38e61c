import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { words } from './words/index.js';

interface Question {
  readonly text: string;
  /** what is done after a yes */
  readonly verb: string;
  readonly answer: (isSure: boolean) => void;
}

const question = signal<Question | null>(null);

/** Asks before something that cannot be undone. */
export function sure(text: string, verb: string): Promise<boolean> {
  return new Promise((answer) => {
    question.value = { text, verb, answer };
  });
}

/** Where the question is asked. */
export function ConfirmDialog(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const asked = question.value;
  useEffect(() => {
    if (asked !== null) dialog.current?.showModal();
  }, [asked]);
  function answer(isSure: boolean): void {
    asked?.answer(isSure);
    question.value = null;
    dialog.current?.close();
  }
  return (
    <dialog
      ref={dialog}
      aria-labelledby="question"
      onCancel={() => {
        answer(false);
      }}
    >
      {asked !== null && (
        <>
          <p id="question">{asked.text}</p>
          <div class="actions">
            <button
              type="button"
              autofocus
              onClick={() => {
                answer(false);
              }}
            >
              {words.value.leaveIt}
            </button>
            <button
              type="button"
              class="danger"
              onClick={() => {
                answer(true);
              }}
            >
              {asked.verb}
            </button>
          </div>
        </>
      )}
    </dialog>
  );
}
