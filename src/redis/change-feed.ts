import type { Redis } from 'ioredis';
import type { RedisServer } from './redis-server.js';

type Listener = (message: string) => void;

/**
 * What other nodes publish, over one connection for the whole process. Messages are lost while it is cut: whoever keeps
 * something because no message came must drop it on `onGap`.
 */
export class ChangeFeed {
  private readonly listeners = new Map<string, Listener[]>();
  private readonly gapListeners: (() => void)[] = [];
  private subscription: Redis | undefined;

  constructor(private readonly redis: RedisServer) {}

  /** Must be called before `open`. */
  on(channel: string, listener: Listener): void {
    this.listeners.set(channel, [...(this.listeners.get(channel) ?? []), listener]);
  }

  /** Called each time the subscription stands (again): messages before that may have been missed. */
  onGap(listener: () => void): void {
    this.gapListeners.push(listener);
  }

  open(): void {
    const channels = [...this.listeners.keys()];
    if (channels.length === 0) return;
    const client = this.redis.subscriber();
    this.subscription = client;
    client.on('message', (channel: string, message: string) => {
      for (const listener of this.listeners.get(channel) ?? []) listener(message);
    });
    client.on('ready', () => {
      // ioredis has sent its own SUBSCRIBE again by then; a repeated one is answered once all are in force
      void client.subscribe(...channels).then(
        () => {
          for (const listener of this.gapListeners) listener();
        },
        () => undefined, // cut again: the next `ready` comes here
      );
    });
  }

  close(): void {
    this.subscription?.disconnect();
  }
}
