import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { jsonOf, runTool, typescript } from '../system/tool.js';
import type { Attack, AttackResult } from './attack.js';

const attacker = fileURLToPath(new URL('attacker.ts', import.meta.url));
/** Until the attacker's process runs and has opened its connections. */
const warmUpSeconds = 1.5;
let attacks = 0;

/** Does the work while the attack is on, from a process of its own. @param seconds what the work takes */
export async function duringAttack<T>(
  attack: Attack,
  { url, seconds }: { readonly url: string; readonly seconds: number },
  where: { readonly dir: string; readonly stop: AbortSignal },
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly attack: AttackResult }> {
  const file = join(where.dir, `attack-${++attacks}.json`);
  await writeFile(file, JSON.stringify({ ...attack, url, seconds: warmUpSeconds + seconds }));
  try {
    const [{ output }, value] = await Promise.all([
      runTool(process.execPath, [...typescript, attacker, file], where),
      delay(warmUpSeconds * 1000).then(work),
    ]);
    return { value, attack: jsonOf(output) as AttackResult };
  } finally {
    await rm(file);
  }
}
