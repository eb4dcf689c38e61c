import { useEffect, useRef } from 'preact/hooks';
import type { JSX } from 'preact';
import { Announcer } from '../shared/announcer.js';
import { LanguageSwitch } from '../shared/language-switch.js';
import { Link, path } from '../shared/router.js';
import { SalePage } from './sale-page.js';
import { SalesPage } from './sales-page.js';
import { words } from './words/index.js';

export function App(): JSX.Element {
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const shown = path.value;
  useEffect(() => {
    // a new page begins at its beginning, for the keyboard too; the browser does so for the first
    if (!isFirst.current) main.current?.focus();
    isFirst.current = false;
  }, [shown]);
  return (
    <>
      <a class="skip" href="#main">
        {words.value.skip}
      </a>
      <header class="bar">
        <Link to="/" class="brand">
          <span class="mark" aria-hidden="true" />
          Sluice
        </Link>
        <LanguageSwitch />
      </header>
      <Announcer />
      <main id="main" tabIndex={-1} ref={main}>
        <Shown at={shown} />
      </main>
    </>
  );
}

function Shown({ at }: { at: string }): JSX.Element {
  const [, saleId] = /^\/sales\/([^/]+)\/?$/.exec(at) ?? [];
  if (saleId !== undefined) return <SalePage key={saleId} saleId={decodeURIComponent(saleId)} />;
  return <SalesPage />;
}
