import { writeFile } from 'node:fs/promises';
import { dataDir } from './data-dir.js';
import { environment } from './environment.js';
import { buyerTokens, readKeys } from './keys.js';

const usage = `usage: npm run --silent token -- <buyer>
       npm run --silent token -- --count N --out FILE

Prints a buyer's token, good for a day, or writes those of N buyers (load-1, load-2, …) as JSON into a file, for load tests.
They are for the system that npm start runs in this folder, or for one with the BUYER_JWT_SECRET of the environment.
<buyer> is 1 to 255 characters, N at most 1000000.`;

/** `npm run token -- <buyer>`, or `--count N --out FILE` */
const [first = '', count = '', flag = '', file = '', ...others] = process.argv.slice(2);
if (first === '--help' || first === '-h') {
  console.log(usage);
} else if (first === '--count' && flag === '--out' && isCount(count) && file !== '' && others.length === 0) {
  await answer(async () => {
    const token = await tokens();
    const list = Array.from({ length: Number(count) }, (_, i) => token(`load-${i + 1}`));
    await writeFile(file, JSON.stringify(list), { mode: 0o600 });
  });
} else if (first.length < 1 || first.length > 255 || first.startsWith('--') || count !== '') {
  console.error(usage);
  process.exitCode = 2;
} else {
  await answer(async () => {
    console.log((await tokens())(first));
  });
}

function isCount(text: string): boolean {
  return /^[1-9]\d*$/.test(text) && Number(text) <= 1_000_000;
}

async function answer(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

async function tokens(): Promise<(buyer: string) => string> {
  const { BUYER_JWT_SECRET, BUYER_JWT_AUDIENCE: audience, BUYER_JWT_ISSUER: issuer } = environment();
  const secret = BUYER_JWT_SECRET ?? (await readKeys(dataDir))?.buyerSecret;
  if (secret === undefined)
    throw new Error(`there is no secret in ${dataDir}: run npm start first, or set BUYER_JWT_SECRET`);
  return buyerTokens(secret, { audience, issuer });
}
