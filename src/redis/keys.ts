/** The keys of one sale. `sale` is its hash; the others are described in docs/protocol.md. */
export type SaleKey = 'sale' | 'stock' | 'buyers' | 'queued' | 'queued-at' | 'queued-by' | 'idem';

export const saleKeys: readonly SaleKey[] = ['sale', 'stock', 'buyers', 'queued', 'queued-at', 'queued-by', 'idem'];

/** Every key of a sale carries its id as hash tag: one sale is one Cluster slot, and one script sees it whole. */
export function saleKey(saleId: string, key: SaleKey): string {
  return `sluice:{${saleId}}:${key}`;
}

/** Whether a written order is being changed, or was a moment ago: a hash that expires. */
export function orderMarkKey(saleId: string, orderId: string): string {
  return `sluice:{${saleId}}:changed:${orderId}`;
}

/** What the fleet has counted in a sale: a hash that expires. */
export function figuresKey(saleId: string): string {
  return `sluice:{${saleId}}:figures`;
}

/** The last batch that one process has added to it. */
export function figuresSentKey(saleId: string, process: string): string {
  return `sluice:{${saleId}}:figures-sent:${process}`;
}

/** Where a reload prepares the next content of a key; `token` is that of its fence. */
export function stagedKey(saleId: string, token: string, key: SaleKey): string {
  return `sluice:{${saleId}}:staged:${token}:${key}`;
}

/**
 * The field of `stock`, `buyers`, `queued`, `queued-by` and `idem` that holds the sale's epoch, so that a lost key is not mistaken
 * for an empty one. It is the empty string, which no buyer, order or ticket type can be called.
 */
export const stampField = '';

/** Channel of order changes, published by `settle`: `saleId orderId:status orderId:status …` */
export const orderChannel = 'sluice:orders';

/** Channel of sale changes: the id of a sale that changed. */
export const saleChannel = 'sluice:sales';

/** Channel of stock that came back, published by `release` and `settle`: the id of its sale. */
export const stockChannel = 'sluice:stock';

/**
 * The bucket of a limit: of an address, of a buyer, or the one of all. All buckets are one Cluster slot, so that one script sees
 * those of a request together; the tag is no sale's, for those are UUIDs.
 */
export function limitKey(limit: 'ip' | 'buyer' | 'global', subject = ''): string {
  return subject === '' ? `sluice:{limits}:${limit}` : `sluice:{limits}:${limit}:${subject}`;
}

/** An administrator's session, by the SHA-256 of its token in hex: the digest of his key. */
export function adminSessionKey(tokenDigest: string): string {
  return `sluice:admin-session:${tokenDigest}`;
}

/** Written, and forgotten at once, before a wait for what was written. Not in a Cluster. */
export const durabilityKey = 'sluice:durability';

/** Prefix of BullMQ's keys: a hash tag, so that one queue is one Cluster slot. */
export const queuePrefix = '{sluice}';
