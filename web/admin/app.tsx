import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Announcer } from '../shared/announcer.js';
import { LanguageSwitch } from '../shared/language-switch.js';
import { Link, path } from '../shared/router.js';
import { act } from './act.js';
import { AuditPage } from './audit-page.js';
import { ConfirmDialog } from './confirm.js';
import { DeadLettersPage } from './dead-letters-page.js';
import { NewSalePage } from './new-sale-page.js';
import { OrderPage } from './order-page.js';
import { OutcomeNotice } from './outcome-notice.js';
import { RefundsPage } from './refunds-page.js';
import { SalePage, type SalePart } from './sale-page.js';
import { SalesPage } from './sales-page.js';
import { session, signOut } from './session.js';
import { SignIn } from './sign-in.js';
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
  const { kind } = session.value;
  return (
    <>
      <a class="skip" href="#main">
        {words.value.skip}
      </a>
      <TopBar />
      <Announcer />
      <main id="main" tabIndex={-1} ref={main}>
        {kind === 'signed-in' ? (
          <Shown at={shown} />
        ) : kind === 'asking' ? (
          <p class="muted">{words.value.loading}</p>
        ) : (
          <SignIn isEnded={kind === 'ended'} />
        )}
      </main>
      <OutcomeNotice />
      <ConfirmDialog />
    </>
  );
}

function TopBar(): JSX.Element {
  const says = words.value;
  const who = session.value;
  const places: [string, string][] = [
    ['/admin', says.sales],
    ['/admin/dead-letters', says.deadLetters],
    ['/admin/refunds', says.refunds],
    ['/admin/audit', says.audit],
  ];
  const here = path.value.startsWith('/admin/sales/') ? '/admin' : path.value;
  return (
    <header class="bar">
      <Link to="/admin" class="brand">
        <span class="mark" aria-hidden="true" />
        Sluice
      </Link>
      {who.kind === 'signed-in' && (
        <nav aria-label={says.places}>
          {places.map(([to, name]) => (
            <Link key={to} to={to} aria-current={here === to ? 'page' : undefined}>
              {name}
            </Link>
          ))}
          <a href="/admin/queues">{says.queues}</a>
        </nav>
      )}
      <div class="who">
        <LanguageSwitch />
        {who.kind === 'signed-in' && (
          <>
            <span class="muted">
              {who.admin.name} · {says.roles[who.admin.role]}
            </span>
            <button
              type="button"
              onClick={() => {
                void act(async () => {
                  await signOut();
                  return says.signedOut;
                });
              }}
            >
              {says.signOut}
            </button>
          </>
        )}
      </div>
    </header>
  );
}

function Shown({ at }: { at: string }): JSX.Element {
  const [, , place, id, part, orderId] = at.split('/').map(decodeURIComponent);
  if (place === 'dead-letters') return <DeadLettersPage />;
  if (place === 'refunds') return <RefundsPage />;
  if (place === 'audit') return <AuditPage />;
  if (id === 'new') return <NewSalePage />;
  if (id !== undefined && orderId !== undefined) return <OrderPage key={orderId} saleId={id} orderId={orderId} />;
  if (id !== undefined) return <SalePage key={id} saleId={id} part={partOf(part)} />;
  return <SalesPage />;
}

function partOf(part: string | undefined): SalePart {
  return part === 'orders' || part === 'settings' ? part : 'live';
}
