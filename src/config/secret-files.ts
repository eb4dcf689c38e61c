import { readFileSync } from 'node:fs';

/** Each may also be given as NAME_FILE: a file with the text, as container engines hand out secrets. */
export const secretNames = [
  'DATABASE_URL',
  'REDIS_URL',
  'ADMIN_API_KEYS',
  'BUYER_JWT_SECRET',
  'PAYMENT_WEBHOOK_SECRET',
] as const;

interface SecretFiles {
  readonly texts: ReadonlyMap<string, string>;
  /** one line for each file that is wrong, without its content */
  readonly problems: readonly string[];
  /** secrets that have no text for that reason */
  readonly unread: readonly string[];
}

/** Reads the secrets that are in files. A line break at the end, as editors leave it, is not part of a secret. */
export function readSecretFiles(env: Readonly<Record<string, string | undefined>>): SecretFiles {
  const texts = new Map<string, string>();
  const problems: string[] = [];
  const unread: string[] = [];
  for (const name of secretNames) {
    const file = env[`${name}_FILE`] ?? '';
    if (file === '') continue;
    if ((env[name] ?? '') !== '') {
      problems.push(`${name} and ${name}_FILE must not both be set`);
      continue;
    }
    try {
      texts.set(name, readFileSync(file, 'utf8').replace(/\r?\n$/, ''));
      if (texts.get(name) !== '') continue;
      problems.push(`${name}_FILE must not be empty: ${file}`);
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException;
      problems.push(`${name}_FILE must be a file that can be read: ${file} (${code})`);
    }
    unread.push(name);
  }
  return { texts, problems, unread };
}
