import { signal } from '@preact/signals';
import type { SaleStats } from './model.js';
import { lookAgain } from './session.js';

/** `cut`: there is no news, and the page tries to have some again. */
export type Connection = 'connecting' | 'live' | 'cut';

/** seconds that the charts show */
export const windowSeconds = 120;

/** There is an event a second: who is silent for so long is away. */
const silenceMs = 5_000;
const retryMs = 2_000;

/** Listens to the figures of a sale until it is stopped, through lost connections and restarts. */
export class StatsWatch {
  readonly latest = signal<SaleStats | null>(null);
  readonly connection = signal<Connection>('connecting');
  /** the window's seconds; null where the stream was cut */
  readonly history = signal<readonly (SaleStats | null)[]>([]);

  private source: EventSource | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly saleId: string) {}

  start(): void {
    const source = new EventSource(`/v1/admin/sales/${this.saleId}/events`);
    this.source = source;
    source.addEventListener('stats', ({ data }) => {
      this.hear(JSON.parse(String(data)) as SaleStats);
    });
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) void lookAgain(); // an EventSource does not say why it was refused
      this.startAgain();
    });
    this.listen();
  }

  readonly stop = (): void => {
    this.source?.close();
    clearTimeout(this.silence);
    clearTimeout(this.retry);
  };

  private hear(stats: SaleStats): void {
    this.listen();
    this.connection.value = 'live';
    this.latest.value = stats;
    const since = Date.parse(stats.at) - windowSeconds * 1000;
    const kept = this.history.value.filter((one) => one === null || Date.parse(one.at) >= since);
    this.history.value = [...kept, stats];
  }

  private listen(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      this.startAgain(); // a connection may be dead without an error
    }, silenceMs);
  }

  private startAgain(): void {
    this.stop();
    this.cut();
    this.retry = setTimeout(() => {
      this.start();
    }, retryMs);
  }

  private cut(): void {
    if (this.connection.value === 'cut') return;
    this.connection.value = 'cut';
    if (this.history.value.length > 0) this.history.value = [...this.history.value, null];
  }
}
