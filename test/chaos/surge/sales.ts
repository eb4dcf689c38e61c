import { setTimeout as delay } from 'node:timers/promises';
import type { HttpClient } from './http-client.js';

/** The sales that the many buyers go to. */
export const busySales = ['stadium', 'arena', 'theatre', 'club'] as const;
export type BusySale = (typeof busySales)[number];
/** Beside them: one that is filled with holds at a blow, and one to which nothing is done, whose buyers are measured. */
export type SaleName = BusySale | 'crowd' | 'healthy';

export interface ChaosSale {
  readonly id: string;
  readonly name: SaleName;
  readonly payment: Payment;
  readonly holdSeconds: number;
  readonly maxPerBuyer: number;
  readonly ticketTypes: readonly { readonly id: string; readonly name: string; readonly capacity: number }[];
}

/** How an order is claimed: by its buyer, or by the payment provider's webhook. */
type Payment = 'none' | 'webhook';

interface Plan {
  readonly payment?: Payment;
  readonly holdSeconds: number;
  readonly maxPerBuyer: number;
  readonly capacities: readonly number[];
}

/**
 * Of the busy ones one never sells out, and three do: they go on with what comes back and with what the admin adds. So a late
 * payment in the arena finds tickets at times, and at times none. The crowd's capacity is the number of its holds.
 */
const plans: Readonly<Record<Exclude<SaleName, 'crowd'>, Plan>> = {
  stadium: { holdSeconds: 4, maxPerBuyer: 6, capacities: [500_000, 500_000] },
  arena: { payment: 'webhook', holdSeconds: 5, maxPerBuyer: 4, capacities: [3000] },
  theatre: { holdSeconds: 3, maxPerBuyer: 2, capacities: [150, 150, 150, 150, 150] },
  club: { holdSeconds: 3, maxPerBuyer: 4, capacities: [40, 60, 80] },
  healthy: { holdSeconds: 20, maxPerBuyer: 2, capacities: [1_000_000] },
};

const hourMs = 3_600_000;
const attempts = 20;
const retryMs = 500;

/** Creates and opens the sales. @param crowd capacity of the sale of that name. @throws Error with the API's words when it refuses */
export async function openSales(client: HttpClient, crowd: number): Promise<ChaosSale[]> {
  const all: Readonly<Record<SaleName, Plan>> = {
    ...plans,
    crowd: { payment: 'webhook', holdSeconds: 5, maxPerBuyer: 1, capacities: [crowd] },
  };
  return Promise.all(Object.entries(all).map(([name, plan]) => openSale(client, name as SaleName, plan)));
}

/** @throws Error when there is none of that name */
export function saleNamed(sales: readonly ChaosSale[], name: string): ChaosSale {
  const sale = sales.find((each) => each.name === name);
  if (sale === undefined) throw new Error(`no sale ${name}`);
  return sale;
}

/** Whether the many buyers and the admin go there. */
export function isBusy({ name }: ChaosSale): boolean {
  return busySales.some((busy) => busy === name);
}

async function openSale(
  client: HttpClient,
  name: SaleName,
  { payment = 'none', holdSeconds, maxPerBuyer, capacities }: Plan,
): Promise<ChaosSale> {
  const sale = await post(client, '/v1/admin/sales', {
    name,
    opensAt: new Date(Date.now() - hourMs).toISOString(),
    closesAt: new Date(Date.now() + 10 * hourMs).toISOString(),
    holdSeconds,
    maxPerBuyer,
    payment,
    ticketTypes: capacities.map((capacity, i) => ({
      name: `Block ${i + 1}`,
      priceMinor: 1000 + i,
      currency: 'EUR',
      capacity,
      maxPerOrder: maxPerBuyer,
    })),
  });
  await post(client, `/v1/admin/sales/${sale.id}/open`);
  return { ...sale, name };
}

async function post(client: HttpClient, path: string, json?: object): Promise<ChaosSale> {
  for (let attempt = 1; ; attempt++) {
    const answer = await client.send({ method: 'POST', path, json });
    if (answer.status >= 200 && answer.status < 300) return answer.body as unknown as ChaosSale;
    if (attempt === attempts) throw new Error(`POST ${path}: ${answer.status} ${answer.code}`);
    await delay(retryMs);
  }
}
