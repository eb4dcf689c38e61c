import { signal } from '@preact/signals';
import type { JSX } from 'preact';

const text = signal('');

/** Tells who does not see the page what has changed on it. */
export function announce(what: string): void {
  text.value = what;
}

/** Must be there before something is said. */
export function Announcer(): JSX.Element {
  return (
    <p class="unseen" role="status">
      {text}
    </p>
  );
}
