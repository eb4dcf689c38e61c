import type { MetricsSnapshot } from '../observability/index.js';

/** What the parent of a group tells its members. */
export type ToMember =
  | { readonly sluice: 'tell-metrics'; readonly id: number }
  | { readonly sluice: 'all-metrics'; readonly id: number; readonly snapshots: readonly MetricsSnapshot[] };

/** What a member tells the parent. */
export type ToParent =
  | { readonly sluice: 'ready' }
  | { readonly sluice: 'metrics'; readonly id: number; readonly snapshot: MetricsSnapshot }
  | { readonly sluice: 'gather-metrics'; readonly id: number };

/** Longer than a scrape waits for servers. */
export const tellMetricsWithinMs = 2000;

/** A message of ours; others may use the channel too. */
export function isOurs(message: unknown): message is ToMember | ToParent {
  return typeof message === 'object' && message !== null && 'sluice' in message;
}
