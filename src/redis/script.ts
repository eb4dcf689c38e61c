import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { saleKey, type SaleKey } from './keys.js';
import { asUnavailable } from './errors.js';

/** A Lua script over the keys of one sale. */
export interface Script<Outcome> {
  readonly name: string;
  readonly lua: string;
  readonly keys: readonly SaleKey[];
  /** Turns Redis's reply into an outcome. @throws Error on a reply that the script cannot give */
  parse(reply: unknown): Outcome;
}

/** More than any call of ours needs, and less than Lua and the client can take: what may grow with a sale is sent in parts. */
const maxArguments = 5000;

const digests = new WeakMap<object, string>();

function digestOf(script: Script<unknown>): string {
  let digest = digests.get(script);
  if (digest === undefined) {
    digest = createHash('sha1').update(script.lua).digest('hex');
    digests.set(script, digest);
  }
  return digest;
}

/**
 * Runs a script on one sale by EVALSHA, and by EVAL where the server has not seen it yet (it then ran nothing).
 * @throws DomainError `unavailable` when Redis cannot answer; the script may still have run. Error for more than 5000 arguments
 */
export async function runScript<Outcome>(
  client: Redis | Cluster,
  script: Script<Outcome>,
  saleId: string,
  args: readonly (string | number)[],
  extraKeys: readonly string[] = [],
): Promise<Outcome> {
  if (args.length > maxArguments) throw new Error(`${script.name}: ${args.length} arguments in one call`);
  const keys = script.keys.map((key) => saleKey(saleId, key)).concat(extraKeys);
  try {
    return script.parse(await client.evalsha(digestOf(script), keys.length, ...keys, ...args));
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw asUnavailable(error);
  }
  try {
    return script.parse(await client.eval(script.lua, keys.length, ...keys, ...args));
  } catch (error) {
    throw asUnavailable(error);
  }
}
