import type { JSX } from 'preact';
import { identity, startAgain } from './identity.js';
import { words } from './words/index.js';

/** In the place of the form where it is not known who buys. */
export function Nobody(): JSX.Element | null {
  const { nobody, nobodyHint, signInExpired, signInExpiredHint, newGuest, loading } = words.value;
  switch (identity.value.kind) {
    case 'asking':
      return <p class="muted">{loading}</p>;
    case 'none':
      return (
        <div class="notice" role="alert">
          <strong>{nobody}</strong> {nobodyHint}
        </div>
      );
    case 'expired':
      return (
        <div class="notice" role="alert">
          <strong>{signInExpired}</strong> {signInExpiredHint}
          <p>
            <button type="button" onClick={startAgain}>
              {newGuest}
            </button>
          </p>
        </div>
      );
    default:
      return null;
  }
}
