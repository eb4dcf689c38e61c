import { setTimeout as delay } from 'node:timers/promises';
import type { HttpClient } from './http-client.js';

export const saleNames = ['stadium', 'arena', 'theatre', 'club'] as const;
export type SaleName = (typeof saleNames)[number];

export interface ChaosSale {
  readonly id: string;
  readonly name: SaleName;
  readonly holdSeconds: number;
  readonly maxPerBuyer: number;
  readonly ticketTypes: readonly { readonly id: string; readonly name: string; readonly capacity: number }[];
}

interface Plan {
  readonly holdSeconds: number;
  readonly maxPerBuyer: number;
  readonly capacities: readonly number[];
}

/** One sale that never sells out, and three that do: they go on with what comes back and with what the admin adds. */
const plans: Readonly<Record<SaleName, Plan>> = {
  stadium: { holdSeconds: 4, maxPerBuyer: 6, capacities: [500_000, 500_000] },
  arena: { holdSeconds: 5, maxPerBuyer: 4, capacities: [3000] },
  theatre: { holdSeconds: 3, maxPerBuyer: 2, capacities: [150, 150, 150, 150, 150] },
  club: { holdSeconds: 3, maxPerBuyer: 4, capacities: [40, 60, 80] },
};

const hourMs = 3_600_000;
const attempts = 20;
const retryMs = 500;

/** Creates and opens the sales. @throws Error with the API's words when it refuses */
export async function openSales(client: HttpClient): Promise<ChaosSale[]> {
  return Promise.all(saleNames.map((name) => openSale(client, name)));
}

async function openSale(client: HttpClient, name: SaleName): Promise<ChaosSale> {
  const { holdSeconds, maxPerBuyer, capacities } = plans[name];
  const sale = await post(client, '/v1/admin/sales', {
    name,
    opensAt: new Date(Date.now() - hourMs).toISOString(),
    closesAt: new Date(Date.now() + 10 * hourMs).toISOString(),
    holdSeconds,
    maxPerBuyer,
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
