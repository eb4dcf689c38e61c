import type { JSX } from 'preact';
import { dateTime } from '../shared/language.js';
import { Link } from '../shared/router.js';
import { useTitle } from '../shared/use-title.js';
import { useList } from './loaded.js';
import type { AuditEntry } from './model.js';
import { ListTable } from './table.js';
import { words } from './words/index.js';

/** Who did what and when. */
export function AuditPage(): JSX.Element {
  const says = words.value;
  useTitle(says.audit);
  const list = useList<AuditEntry>('/v1/admin/audit');
  return (
    <>
      <h1>{says.audit}</h1>
      <ListTable
        list={list}
        label={says.audit}
        none={says.noAudit}
        columns={[
          { name: says.when, of: ({ at }) => dateTime(at) },
          { name: says.actor, of: ({ actor }) => actor },
          { name: says.action, of: ({ action }) => <code>{action}</code> },
          {
            name: says.sale,
            of: ({ saleId }) => saleId !== null && <Link to={`/admin/sales/${saleId}`}>{saleId.slice(-8)}</Link>,
          },
          { name: says.details, of: ({ details }) => <code class="details">{shown(details)}</code> },
        ]}
      />
    </>
  );
}

function shown(details: unknown): string {
  const text = JSON.stringify(details);
  return text === '{}' ? '' : text;
}
