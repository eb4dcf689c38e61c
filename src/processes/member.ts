import type { Metrics, MetricsSnapshot } from '../observability/index.js';
import { isOurs, tellMetricsWithinMs, type ToMember, type ToParent } from './messages.js';

/**
 * This process as a member of a group. It ends by itself when the parent is gone: `node:cluster` sees to that, and what was
 * under way is found by the next process.
 */
export class Member {
  private readonly waiting = new Map<number, (snapshots: readonly MetricsSnapshot[]) => void>();
  private lastId = 0;

  private finish = (): void => process.exit(0);

  constructor(private readonly metrics: Metrics) {
    metrics.allProcesses = () => this.allMetrics();
    let stopping = false;
    const stop = (): void => {
      if (!stopping) this.finish();
      stopping = true;
    };
    process.on('message', (message: unknown) => {
      if (isOurs(message)) this.hear(message as ToMember);
    });
    process.on('SIGTERM', stop);
    process.on('SIGINT', () => undefined); // a terminal sends it to all of us; the parent decides
  }

  /**
   * What to do at a SIGTERM: of the parent when the group stops, or for this process alone, and the parent then starts another. It is called
   * once; until it is given there is nothing to finish.
   */
  onStop(finish: () => void): void {
    this.finish = finish;
  }

  /** Tells the parent that this process serves. */
  ready(): void {
    tell({ sluice: 'ready' });
  }

  private hear(message: ToMember): void {
    switch (message.sluice) {
      case 'tell-metrics':
        void this.metrics.snapshot().then((snapshot) => {
          tell({ sluice: 'metrics', id: message.id, snapshot });
        });
        return;
      case 'all-metrics':
        this.waiting.get(message.id)?.(message.snapshots);
    }
  }

  /** Of all processes of the group; of this one alone where the parent says nothing. */
  private allMetrics(): Promise<readonly MetricsSnapshot[]> {
    const id = (this.lastId += 1);
    return new Promise<readonly MetricsSnapshot[] | null>((resolve) => {
      const timer = setTimeout(resolve, 2 * tellMetricsWithinMs, null);
      this.waiting.set(id, (snapshots) => {
        clearTimeout(timer);
        resolve(snapshots);
      });
      tell({ sluice: 'gather-metrics', id });
    }).then(async (snapshots) => {
      this.waiting.delete(id);
      return snapshots ?? [await this.metrics.snapshot()];
    });
  }
}

function tell(message: ToParent): void {
  if (process.connected) process.send?.(message);
}
