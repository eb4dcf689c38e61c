import { signal } from '@preact/signals';
import { announce } from '../shared/announcer.js';
import { Refusal } from '../shared/http.js';
import { path } from '../shared/router.js';

/** What became of the last thing that somebody did. */
export type Outcome =
  { readonly kind: 'done'; readonly text: string } | { readonly kind: 'refused'; readonly refusal: Refusal };

export const outcome = signal<Outcome | null>(null);

/** One thing is done at a time: a second click is none. */
export const isBusy = signal(false);

// another page has nothing to do with it
path.subscribe(() => {
  outcome.value = null;
});

/**
 * Does something that changes the world, and says what became of it.
 * @param work gives what to say when it is done
 * @returns why it was not done; null: it was, or something else is under way
 */
export async function act(work: () => Promise<string>): Promise<Refusal | null> {
  if (isBusy.value) return null;
  isBusy.value = true;
  outcome.value = null;
  try {
    const text = await work();
    outcome.value = { kind: 'done', text };
    announce(text);
    return null;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    outcome.value = { kind: 'refused', refusal: error };
    return error;
  } finally {
    isBusy.value = false;
  }
}
