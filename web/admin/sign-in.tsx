import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Refusal } from '../shared/http.js';
import { useTitle } from '../shared/use-title.js';
import { isBusy } from './act.js';
import { signIn } from './session.js';
import { words } from './words/index.js';

/** Takes the key once, for a cookie that no script can read; keeps nothing of it. */
export function SignIn({ isEnded }: { isEnded: boolean }): JSX.Element {
  const says = words.value;
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  useTitle(says.signIn);
  async function submit(form: HTMLFormElement): Promise<void> {
    const input = form.elements.namedItem('key') as HTMLInputElement;
    if (isBusy.value) return;
    isBusy.value = true;
    try {
      await signIn(input.value.trim());
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      setRefusal(error);
      input.focus();
      input.select();
    } finally {
      isBusy.value = false;
    }
  }
  return (
    <form
      class="card sign-in"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit(event.currentTarget);
      }}
    >
      <h1>{says.signIn}</h1>
      {isEnded && (
        <p class="notice" role="alert">
          {says.sessionEnded}
        </p>
      )}
      <label for="key">{says.adminKey}</label>
      <input
        id="key"
        name="key"
        type="password"
        autoComplete="current-password"
        autofocus
        aria-invalid={refusal !== null}
        aria-describedby="key-mistake"
      />
      <p class="mistake" id="key-mistake" role="alert">
        {refusal === null ? '' : refusal.code === 'unauthenticated' ? says.wrongKey : says.refusals[refusal.code]}
      </p>
      <button class="primary" aria-disabled={isBusy.value}>
        {says.signIn}
      </button>
      <p class="fine">{says.signInHint}</p>
    </form>
  );
}
