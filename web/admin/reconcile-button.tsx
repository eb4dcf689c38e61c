import type { JSX } from 'preact';
import { ActButton } from './act-button.js';
import type { Reconciliation } from './model.js';
import { api, may } from './session.js';
import { words } from './words/index.js';

/** Sets right at once what the reconciler would in its next pass, and says what that was. */
export function ReconcileButton({ then }: { then?: () => void }): JSX.Element | null {
  const { reconcile, reconciled } = words.value;
  if (!may('admin')) return null;
  return (
    <ActButton
      label={reconcile}
      work={async () => {
        const done = await api<Reconciliation>('/v1/admin/reconciliations', { method: 'POST', timeoutMs: 60_000 });
        then?.();
        return reconciled(done);
      }}
    />
  );
}
