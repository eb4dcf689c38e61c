import type { Redis } from 'ioredis';

const lookEveryMs = 1000;
/** What the server said is believed for so long: some looks may fail, or this process may have stood still. */
const believedMs = 3000;

/**
 * Whether a server stands alone. One that has, or ever had, replicas may have been replaced by one of them without its clients
 * noticing: nobody tells an old primary.
 */
export class Replication {
  /** when it was asked what it answered with "alone" */
  private aloneAtMs = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly client: Redis) {
    client.on('ready', () => void this.look());
    client.on('close', () => {
      clearTimeout(this.timer);
      this.aloneAtMs = -Infinity; // the next connection may lead to another server
    });
  }

  /** False only where the server said a moment ago that it has always been alone. */
  get mayBeReplaced(): boolean {
    return performance.now() - this.aloneAtMs > believedMs;
  }

  private async look(): Promise<void> {
    const askedAtMs = performance.now();
    try {
      const isAlone = saysAlone(await this.client.info('replication'));
      this.aloneAtMs = isAlone ? askedAtMs : -Infinity;
    } catch {
      // no answer: what it said before is believed a little longer
    }
    clearTimeout(this.timer);
    if (this.client.status === 'ready') this.timer = setTimeout(() => void this.look(), lookEveryMs).unref();
  }
}

/** The offset stays above 0 for the life of a server that once had a replica, or was one: also when they have gone for good. */
function saysAlone(info: string): boolean {
  const said = new Set(info.split('\r\n'));
  return ['role:master', 'connected_slaves:0', 'master_repl_offset:0'].every((line) => said.has(line));
}
