import type { Sluice } from './sluice.js';

const dayMs = 86_400_000;

export interface BenchSale {
  readonly id: string;
  readonly ticketTypeId: string;
  readonly capacity: number;
  /** where its orders go, a path */
  readonly path: string;
  /** the body of a purchase of one ticket */
  readonly body: string;
}

/** Opens a sale with one ticket type, whose holds outlive the run. @throws Error with the API's words when it refuses */
export async function openSale({ api, keys }: Sluice, capacity: number): Promise<BenchSale> {
  const post = async (path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${api.url}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${keys.adminKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  };
  const { id, ticketTypes } = (await post('/v1/admin/sales', {
    name: 'Bench',
    opensAt: new Date(Date.now() - dayMs).toISOString(),
    closesAt: new Date(Date.now() + dayMs).toISOString(),
    holdSeconds: dayMs / 1000,
    maxPerBuyer: 1000,
    ticketTypes: [{ name: 'Floor', priceMinor: 4500, currency: 'EUR', capacity, maxPerOrder: 4 }],
  })) as { id: string; ticketTypes: { id: string }[] };
  await post(`/v1/admin/sales/${id}/open`);
  const ticketTypeId = ticketTypes[0]?.id ?? '';
  const body = JSON.stringify({ items: [{ ticketTypeId, quantity: 1 }] });
  return { id, ticketTypeId, capacity, path: `/v1/sales/${id}/orders`, body };
}
