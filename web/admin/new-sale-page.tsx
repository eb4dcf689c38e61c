import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { randomKey } from '../shared/random-key.js';
import { go, Link } from '../shared/router.js';
import { useTitle } from '../shared/use-title.js';
import type { Sale } from './model.js';
import { SaleForm } from './sale-form.js';
import type { SaleInput } from './sale-input.js';
import { api } from './session.js';
import { words } from './words/index.js';

export function NewSalePage(): JSX.Element {
  const says = words.value;
  useTitle(says.newSale);
  const attempt = useRef({ key: '', json: '' });

  async function create(input: SaleInput): Promise<string> {
    const json = JSON.stringify(input);
    // the same sale, sent again after a lost answer, is one sale
    if (attempt.current.json !== json) attempt.current = { key: randomKey(), json };
    const headers = { 'idempotency-key': attempt.current.key };
    const sale = await api<Sale>('/v1/admin/sales', { method: 'POST', headers, json: input });
    go(`/admin/sales/${sale.id}`);
    return says.created;
  }

  return (
    <>
      <nav aria-label={says.parts}>
        <Link to="/admin" class="back">
          {says.sales}
        </Link>
      </nav>
      <h1>{says.newSale}</h1>
      <SaleForm verb={says.create} save={create} />
    </>
  );
}
