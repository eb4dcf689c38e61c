import type { JSX } from 'preact';
import { choose, language, type Language, languages } from './language.js';

/** One button, which says where it leads in that language. */
export function LanguageSwitch(): JSX.Element {
  const other: Language = language.value === 'en' ? 'zh-Hant' : 'en';
  return (
    <button
      class="quiet"
      type="button"
      lang={other}
      onClick={() => {
        choose(other);
      }}
    >
      {languages[other]}
    </button>
  );
}
