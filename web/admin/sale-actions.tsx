import type { JSX } from 'preact';
import { go } from '../shared/router.js';
import { ActButton } from './act-button.js';
import type { Source } from './loaded.js';
import type { Sale, SaleStatus, SaleStep } from './model.js';
import { ReconcileButton } from './reconcile-button.js';
import { api, may, type Role } from './session.js';
import { words } from './words/index.js';

/** The steps of a sale, where each may start, and who may take it. */
const steps: readonly { step: SaleStep; from: readonly SaleStatus[]; role: Role }[] = [
  { step: 'open', from: ['draft'], role: 'operator' },
  { step: 'pause', from: ['open'], role: 'operator' },
  { step: 'resume', from: ['paused'], role: 'operator' },
  { step: 'close', from: ['draft', 'open', 'paused'], role: 'admin' },
];

/** What can be done with the sale now, by whoever is signed in. */
export function SaleActions({ sale, source }: { sale: Sale; source: Source<Sale> }): JSX.Element {
  const says = words.value;
  const address = `/v1/admin/sales/${sale.id}`;
  return (
    <div class="actions">
      <ReconcileButton />
      {sale.status === 'draft' && may('admin') && (
        <ActButton
          label={says.delete}
          kind="danger"
          question={says.deleteQuestion(sale.name)}
          work={async () => {
            await api(address, { method: 'DELETE' });
            go('/admin');
            return says.deleted;
          }}
        />
      )}
      {steps
        .filter(({ from, role }) => from.includes(sale.status) && may(role))
        .map(({ step }) => (
          <ActButton
            key={step}
            label={says.steps[step]}
            kind={step === 'close' ? 'danger' : step === 'pause' ? '' : 'primary'}
            {...(step === 'close' ? { question: says.closeQuestion(sale.name) } : {})}
            work={async () => {
              source.set(await api<Sale>(`${address}/${step}`, { method: 'POST' }));
              return says.stepsDone[step];
            }}
          />
        ))}
    </div>
  );
}
