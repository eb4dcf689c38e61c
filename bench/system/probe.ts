import { once } from 'node:events';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const preload = fileURLToPath(new URL('probe-preload.mjs', import.meta.url));

/** The environment of a process that can be asked. @param dir where its socket goes */
export function probeEnvironment(dir: string): Record<string, string> {
  return { NODE_OPTIONS: `--import ${preload}`, BENCH_PROBE: dir };
}

export interface Memory {
  /** bytes that are in use after a forced collection */
  readonly heapUsed: number;
  readonly rss: number;
}

/** Asks the probe inside a process of the application. */
export class Probe {
  constructor(
    private readonly dir: string,
    private readonly pid: number,
  ) {}

  async memory(): Promise<Memory> {
    return (await this.ask('memory')) as Memory;
  }

  async startProfile(): Promise<void> {
    await this.ask('profile-start');
  }

  /** @returns the profile, as a `.cpuprofile` holds it */
  async stopProfile(): Promise<unknown> {
    return this.ask('profile-stop');
  }

  private async ask(word: string): Promise<unknown> {
    const socket = createConnection(join(this.dir, `${this.pid}.sock`));
    await once(socket, 'connect');
    socket.write(`${word}\n`);
    return JSON.parse(await text(socket));
  }
}
