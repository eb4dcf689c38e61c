import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

import { parse } from 'yaml';

/** A token bucket: `capacity` tokens that come back evenly, all of them in `windowMs`. */
export interface RateLimit {
  readonly capacity: number;
  readonly windowMs: number;
}

/** What one buyer, one address and all together may ask; null: as much as they like. */
export interface RateLimits {
  readonly ip: RateLimit | null;
  readonly buyer: RateLimit | null;
  readonly global: RateLimit | null;
  /** in place of `buyer`, by the claim `tier` of the buyer's token */
  readonly tiers: ReadonlyMap<string, RateLimit | null>;
  /** a purchase costs its buyer a token for so many tickets, one at the least; null: one, however many */
  readonly ticketsPerToken: number | null;
}

/** The limits' variables: what the environment says of them, or a file. */
export interface RateLimitTexts {
  RATE_LIMIT_IP?: string;
  RATE_LIMIT_BUYER?: string;
  RATE_LIMIT_GLOBAL?: string;
  RATE_LIMIT_BUYER_TIERS?: string;
  RATE_LIMIT_TICKETS_PER_TOKEN?: string;
}

const defaults = {
  RATE_LIMIT_IP: '100/1s',
  RATE_LIMIT_BUYER: '10/1s',
  RATE_LIMIT_GLOBAL: '20000/1s',
  RATE_LIMIT_BUYER_TIERS: '',
  RATE_LIMIT_TICKETS_PER_TOKEN: '2',
} as const satisfies Required<RateLimitTexts>;

type Name = keyof RateLimitTexts;

/** What a file may call them beside the variables' own names. */
const fileNames: Readonly<Record<string, Name>> = {
  ip: 'RATE_LIMIT_IP',
  buyer: 'RATE_LIMIT_BUYER',
  global: 'RATE_LIMIT_GLOBAL',
  tiers: 'RATE_LIMIT_BUYER_TIERS',
  ticketsPerToken: 'RATE_LIMIT_TICKETS_PER_TOKEN',
};

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const maxWindowMs = 24 * unitMs.h;
const maxFileBytes = 1024 * 1024;

export const rateLimitForm = 'off or N/WINDOW, N from 1 to 1000000000, WINDOW from 1ms to 24h, such as 10/1s or 500/1m';
export const tiersForm = `names and limits, separated by commas, such as vip:50/1s,bot:1/10s; each limit ${rateLimitForm}`;
export const ticketsForm = 'off or an integer from 1 to 1000';

export function isRateLimit(text: string): boolean {
  if (text === 'off') return true;
  const limit = limitOf(text);
  return limit !== null && limit.capacity >= 1 && limit.windowMs >= 1 && limit.windowMs <= maxWindowMs;
}

export function areTiers(text: string): boolean {
  const parts = tierParts(text);
  const names = new Set(parts.map(([name]) => name));
  return (
    names.size === parts.length && parts.every(([name, limit]) => /^[\w.-]{1,64}$/.test(name) && isRateLimit(limit))
  );
}

export function areTicketsPerToken(text: string): boolean {
  return text === 'off' || (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1000);
}

const rules: Readonly<Record<Name, { readonly form: string; readonly isGood: (text: string) => boolean }>> = {
  RATE_LIMIT_IP: { form: rateLimitForm, isGood: isRateLimit },
  RATE_LIMIT_BUYER: { form: rateLimitForm, isGood: isRateLimit },
  RATE_LIMIT_GLOBAL: { form: rateLimitForm, isGood: isRateLimit },
  RATE_LIMIT_BUYER_TIERS: { form: tiersForm, isGood: areTiers },
  RATE_LIMIT_TICKETS_PER_TOKEN: { form: ticketsForm, isGood: areTicketsPerToken },
};

/** Whether it is the address of a proxy or a CIDR block of them. */
export function isAddressBlock(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

/** Of an environment, what it says of the limits. */
export function rateLimitTextsOf(environment: RateLimitTexts): RateLimitTexts {
  const names = (Object.keys(defaults) as Name[]).filter((name) => environment[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, environment[name]]));
}

/** What is wrong with the file of limits. The message says what, and repeats no value. */
export class RateLimitsFileError extends Error {
  override readonly name = 'RateLimitsFileError';
}

/**
 * The limits that are in force: the environment's, else the file's, else the defaults.
 * @param environment well formed
 * @param path of a JSON or YAML file; undefined: there is none
 * @throws RateLimitsFileError
 */
export function readRateLimits(environment: RateLimitTexts, path: string | undefined): RateLimits {
  const given = path === undefined ? {} : readFile(path);
  const text = (name: Name): string => environment[name] ?? given[name] ?? defaults[name];
  const tickets = text('RATE_LIMIT_TICKETS_PER_TOKEN');
  return Object.freeze({
    ip: limitOf(text('RATE_LIMIT_IP')),
    buyer: limitOf(text('RATE_LIMIT_BUYER')),
    global: limitOf(text('RATE_LIMIT_GLOBAL')),
    tiers: new Map(tierParts(text('RATE_LIMIT_BUYER_TIERS')).map(([name, limit]) => [name, limitOf(limit)])),
    ticketsPerToken: tickets === 'off' ? null : Number(tickets),
  });
}

function limitOf(text: string): RateLimit | null {
  const [, tokens, amount, unit] = /^(\d{1,10})\/(\d{1,8})(ms|s|m|h)$/.exec(text) ?? [];
  if (tokens === undefined || Number(tokens) > 1_000_000_000) return null;
  return Object.freeze({ capacity: Number(tokens), windowMs: Number(amount) * unitMs[unit as keyof typeof unitMs] });
}

function tierParts(text: string): [name: string, limit: string][] {
  if (text === '') return [];
  return text.split(',').map((part) => {
    const [name = '', limit = '', ...rest] = part.trim().split(':');
    return [name.trim(), rest.length > 0 ? '' : limit.trim()];
  });
}

function readFile(path: string): RateLimitTexts {
  const content = parsed(path);
  if (content === null || content === undefined) return {}; // an empty file says nothing
  if (typeof content !== 'object' || Array.isArray(content))
    throw new RateLimitsFileError('it must be names and values');
  const texts: RateLimitTexts = {};
  const problems: string[] = [];
  for (const [key, value] of Object.entries(content)) {
    const name = Object.hasOwn(rules, key) ? (key as Name) : Object.hasOwn(fileNames, key) ? fileNames[key] : undefined;
    const text = name === undefined ? null : textOf(value, name);
    if (name === undefined) problems.push(`it names something unknown; known are ${Object.keys(fileNames).join(', ')}`);
    else if (texts[name] !== undefined) problems.push(`${key} stands there twice`);
    else if (text === null || !rules[name].isGood(text)) problems.push(`${key} must be ${rules[name].form}`);
    else texts[name] = text;
  }
  if (problems.length > 0) throw new RateLimitsFileError(problems.join('; '));
  return texts;
}

/** JSON is YAML as well. */
function parsed(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new RateLimitsFileError(`it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  if (text.length > maxFileBytes) throw new RateLimitsFileError('it is larger than 1 MiB');
  try {
    return parse(text, { maxAliasCount: 0, logLevel: 'error' }) as unknown;
  } catch {
    throw new RateLimitsFileError('it is neither JSON nor YAML');
  }
}

/** As the variable would be written; null: it cannot be. YAML reads `off` as a text, older readers as false. */
function textOf(value: unknown, name: Name): string | null {
  if (typeof value === 'string') return value;
  if (value === false) return 'off';
  if (typeof value === 'number') return String(value);
  if (name !== 'RATE_LIMIT_BUYER_TIERS' || typeof value !== 'object' || value === null) return null;
  const tiers = Object.entries(value).map(([tier, limit]) => [tier, limit === false ? 'off' : (limit as unknown)]);
  if (tiers.some(([tier, limit]) => typeof limit !== 'string' || /[:,]/.test(`${tier as string}${limit}`))) return null;
  return tiers.map((parts) => parts.join(':')).join(',');
}
