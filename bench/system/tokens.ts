import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buyerTokens } from '../../src/cli/keys.js';
import type { Bench } from '../bench.js';

let crowds = 0;

/**
 * Signs tokens of buyers whom nobody has seen before, for as long as `use` takes.
 * @param use is given a file with a token a line
 */
export async function withCrowd<T>(
  { servers, sluice }: Bench,
  buyers: number,
  use: (tokens: string) => Promise<T>,
): Promise<T> {
  const sign = buyerTokens(sluice.keys.buyerSecret);
  const crowd = ++crowds;
  const file = join(servers.dir, `crowd-${crowd}.txt`);
  await writeFile(file, Array.from({ length: buyers }, (_, i) => sign(`buyer-${crowd}-${i}`)).join('\n'));
  try {
    return await use(file);
  } finally {
    await rm(file);
  }
}
