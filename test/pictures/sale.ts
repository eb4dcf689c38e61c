import { admin } from '../support/api-client.js';

interface Opened {
  readonly id: string;
  readonly ticketTypes: readonly { readonly id: string }[];
}

export async function openSale(url: string, sale: object): Promise<Opened> {
  const post = async (path: string, body?: object): Promise<Opened> => {
    const headers = { ...admin, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const answer = await fetch(url + path, {
      method: 'POST',
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Opened;
  };
  const { id } = await post('/v1/admin/sales', sale);
  return post(`/v1/admin/sales/${id}/open`);
}
