import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSigner } from 'fast-jwt';

const dayMs = 86_400_000;
const fileName = 'keys.json';

/** The secrets of one installation on embedded servers. */
export interface Keys {
  readonly adminKey: string;
  /** signs buyers' tokens, HS256 */
  readonly buyerSecret: string;
}

export function newKeys(): Keys {
  return { adminKey: randomBytes(24).toString('base64url'), buyerSecret: randomBytes(32).toString('base64url') };
}

/** The keys kept in the folder; null: none yet. @throws Error when the file is damaged */
export async function readKeys(dir: string): Promise<Keys | null> {
  const file = join(dir, fileName);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  try {
    const { adminKey, buyerSecret } = JSON.parse(text) as Partial<Keys>;
    if (typeof adminKey === 'string' && typeof buyerSecret === 'string') return { adminKey, buyerSecret };
  } catch {
    // said below
  }
  throw new Error(`${file} is damaged: remove it, and new keys will be made`);
}

/** The keys kept in the folder, made the first time, readable for this user alone. Guard the folder with `lockDataDir`. */
export async function keepKeys(dir: string): Promise<Keys> {
  const kept = await readKeys(dir);
  if (kept !== null) return kept;
  const keys = newKeys();
  const file = join(dir, fileName);
  await writeFile(`${file}.draft`, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.draft`, file);
  return keys;
}

interface Claims {
  readonly audience?: string | undefined;
  readonly issuer?: string | undefined;
}

/** Makes buyers' tokens, good for a day. */
export function buyerTokens(secret: string, { audience, issuer }: Claims = {}): (buyerId: string) => string {
  const sign = createSigner({
    key: secret,
    algorithm: 'HS256',
    expiresIn: dayMs,
    ...(audience === undefined ? {} : { aud: audience }),
    ...(issuer === undefined ? {} : { iss: issuer }),
  });
  return (buyerId) => sign({ sub: buyerId });
}
