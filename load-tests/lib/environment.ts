import { SharedArray } from 'k6/data';

/** What `k6 run -e NAME=value` says; everything but the sale has a default. */
function given(name: string): string | undefined {
  const value = __ENV[name];
  return value === undefined || value === '' ? undefined : value;
}

/** A positive number of the environment. @throws Error at the start of the run, not in the middle of it */
export function amount(name: string, otherwise: number): number {
  const value = Number(given(name) ?? otherwise);
  if (!(value > 0)) throw new Error(`${name} must be a positive number`);
  return value;
}

/** Of the API, or of the proxy before it; without a slash at the end. */
export const baseUrl = (given('BASE_URL') ?? 'http://127.0.0.1:3000').replace(/\/$/, '');

export const saleId = given('SALE_ID') ?? '';
if (saleId === '') throw new Error('SALE_ID is not set: npm run load:sale opens a sale and prints its id');

/** Folder of the reports. k6 makes no folders: it must exist. */
export const outputFolder = given('OUT') ?? 'load-tests/results';

const tokensFile = given('TOKENS');
if (tokensFile === undefined)
  throw new Error('TOKENS is not set: the absolute path of what npm run token -- --count N --out FILE wrote');

/** One for each buyer; kept once for all virtual users. */
const tokens = new SharedArray('tokens', () => JSON.parse(open(tokensFile)) as string[]);
if (tokens.length === 0) throw new Error(`${tokensFile} holds no token`);

/** The token of the n-th buyer, from the end when negative; they come again when there are more purchases than buyers. */
export function tokenOf(n: number): string {
  return tokens[n < 0 ? tokens.length + n : n % tokens.length] ?? '';
}
