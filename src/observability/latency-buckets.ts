/** Eight to each doubling: a value is told at most 5 % wrong, whatever its size. */
const perDoubling = 8;
const leastMs = 0.1;
const mostMs = 120_000;

/** Number of the last bucket; they begin with 0. */
const lastBucket = Math.ceil(perDoubling * Math.log2(mostMs / leastMs));

/** The bucket of a time. Buckets are the same everywhere, so that counts of several processes add up. */
export function bucketOf(ms: number): number {
  if (ms <= leastMs) return 0;
  return Math.min(lastBucket, Math.ceil(perDoubling * Math.log2(ms / leastMs)));
}

/**
 * The time that this share of all took at the most, the middle of its bucket.
 * @param counts by bucket; `share` 0 to 1. @returns null: there are none
 */
export function quantileMs(counts: ReadonlyMap<number, number>, share: number): number | null {
  const ordered = [...counts].filter(([, count]) => count > 0).sort(([a], [b]) => a - b);
  const all = ordered.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [bucket, count] of ordered) {
    seen += count;
    if (seen >= share * all) return middleOf(bucket);
  }
  return null;
}

function middleOf(bucket: number): number {
  if (bucket === 0) return leastMs;
  return Number((leastMs * 2 ** ((bucket - 0.5) / perDoubling)).toPrecision(3));
}
