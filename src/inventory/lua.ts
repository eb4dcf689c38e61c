import { readFileSync } from 'node:fs';

function read(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}

/** The text of a script of this room. */
export function lua(name: string): string {
  return read(`${name}.lua`);
}

/** The text of a script that asks whether Redis can be trusted with the sale. */
export function luaWithSoundness(name: string): string {
  return read('soundness.lua') + read(`${name}.lua`);
}

/** @throws always: the script gave a reply that it cannot give */
export function unexpected(script: string, reply: unknown): never {
  throw new Error(`${script}: unexpected reply ${JSON.stringify(reply)}`);
}
