import { dataDir } from './data-dir.js';
import { environment } from './environment.js';
import { buyerTokens, readKeys } from './keys.js';

const usage = `usage: npm run --silent token -- <buyer>

Prints a buyer's token, good for a day, for the system that npm start runs in this folder,
or for one with the BUYER_JWT_SECRET of the environment. <buyer> is 1 to 255 characters.`;

/** `npm run token -- <buyer>` */
const [buyerId = '', ...others] = process.argv.slice(2);
if (buyerId === '--help' || buyerId === '-h') {
  console.log(usage);
} else if (buyerId.length < 1 || buyerId.length > 255 || others.length > 0) {
  console.error(usage);
  process.exitCode = 2;
} else {
  try {
    console.log(await token(buyerId));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

async function token(buyer: string): Promise<string> {
  const { BUYER_JWT_SECRET, BUYER_JWT_AUDIENCE: audience, BUYER_JWT_ISSUER: issuer } = environment();
  const secret = BUYER_JWT_SECRET ?? (await readKeys(dataDir))?.buyerSecret;
  if (secret === undefined)
    throw new Error(`there is no secret in ${dataDir}: run npm start first, or set BUYER_JWT_SECRET`);
  return buyerTokens(secret, { audience, issuer })(buyer);
}
