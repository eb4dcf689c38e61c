import type { DemoSystem } from './system.js';

const hourMs = 3_600_000;

/** How long a buyer of the first wave has to confirm, in seconds. */
export const holdSeconds = 5;

export interface DemoSale {
  readonly id: string;
  readonly ticketTypes: readonly { readonly id: string; readonly name: string; readonly capacity: number }[];
}

/** Creates a sale of so many tickets of two types, and opens it. @throws Error with the API's words when it refuses */
export async function openSale(system: DemoSystem, tickets: number): Promise<DemoSale> {
  const seated = Math.floor(tickets / 2);
  const sale = (await call(system, 'POST', '/v1/admin/sales', {
    name: 'Demo',
    opensAt: new Date(Date.now() - hourMs).toISOString(),
    closesAt: new Date(Date.now() + hourMs).toISOString(),
    holdSeconds,
    maxPerBuyer: 4,
    ticketTypes: [
      { name: 'Floor', priceMinor: 4500, currency: 'EUR', capacity: tickets - seated, maxPerOrder: 4 },
      { name: 'Seated', priceMinor: 6500, currency: 'EUR', capacity: seated, maxPerOrder: 4 },
    ],
  })) as DemoSale;
  await call(system, 'POST', `/v1/admin/sales/${sale.id}/open`);
  return sale;
}

/** Changes how long the holds of later orders run. @throws Error with the API's words when it refuses */
export async function setHoldSeconds(system: DemoSystem, { id }: DemoSale, seconds: number): Promise<void> {
  await call(system, 'PATCH', `/v1/admin/sales/${id}`, { holdSeconds: seconds });
}

async function call({ api, keys }: DemoSystem, method: string, path: string, body?: object): Promise<unknown> {
  const authorization = `Bearer ${keys.adminKey}`;
  const response = await fetch(`${api}${path}`, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}
