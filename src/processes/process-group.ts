import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';

import type { Config } from '../config/index.js';
import { Metrics, type Count, type Logger, type MetricsSnapshot } from '../observability/index.js';
import { isOurs, tellMetricsWithinMs, type ToMember, type ToParent } from './messages.js';

const firstRestartMs = 100;
const maxRestartMs = 5000;
/** A member that lived for so long was well: what ended it is not what ended the one before. */
const wellAfterMs = 10_000;

interface Slot {
  readonly roles: string;
  worker: Worker;
  serves: boolean;
  /** told to read again before it served */
  reloadDue: boolean;
  startedAtMs: number;
  restartMs: number;
}

/**
 * One process that keeps several: API processes that share the port, and one more for the other roles, which run once. It takes
 * no requests and holds no connection, so there is little that could end it. A member that dies is replaced.
 */
export class ProcessGroup {
  private readonly slots: Slot[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly restarts: Count;
  private readonly metrics = new Metrics();
  private readonly gathering = new Map<number, (snapshot: MetricsSnapshot) => void>();
  private lastId = 0;
  private stopping = false;

  constructor(
    private readonly config: Config,
    private readonly logger: Logger,
  ) {
    this.restarts = this.metrics.counter({
      name: 'process_restarts_total',
      help: 'Processes of this port that ended by themselves and were started again',
    });
  }

  /** Resolves once every member serves; never where `stop` came first. @throws Error when one ends before: it has said why */
  async start(): Promise<void> {
    const others = [...this.config.roles].filter((role) => role !== 'api').join(',');
    const wanted = [...Array<string>(this.config.apiProcesses).fill('api'), ...(others === '' ? [] : [others])];
    await Promise.all(
      wanted.map((roles) => {
        const slot = { roles, ...fork(roles), restartMs: firstRestartMs };
        this.slots.push(slot);
        this.adopt(slot);
        return this.ready(slot);
      }),
    );
  }

  /** Has every member finish what is in hand. @returns whether all of them did */
  async stop(): Promise<boolean> {
    this.stopping = true;
    for (const timer of this.timers) clearTimeout(timer);
    const codes = await Promise.all(
      this.slots.map(async ({ worker, serves }) => {
        if (worker.isDead()) return 0;
        const ended = once(worker, 'exit') as Promise<[number | null]>;
        worker.process.kill('SIGTERM');
        const [code] = await ended;
        return code ?? (serves ? null : 0); // one that has only begun to start is ended by the signal, and has nothing in hand
      }),
    );
    return codes.every((code) => code === 0);
  }

  /** Has every member read again what it can while it runs. The signal would end one that has only begun to start. */
  reload(): void {
    for (const slot of this.slots) {
      if (slot.serves) slot.worker.process.kill('SIGHUP');
      else slot.reloadDue = true;
    }
  }

  /** Ends every member at once. */
  kill(): void {
    for (const { worker } of this.slots) worker.process.kill('SIGKILL');
  }

  private adopt(slot: Slot): void {
    const { worker } = slot;
    worker.on('message', (message: unknown) => {
      if (isOurs(message)) this.hear(slot, message as ToParent);
    });
    worker.on('exit', (code: number | null, signal: string | null) => {
      if (this.stopping) return;
      const lived = performance.now() - slot.startedAtMs;
      slot.restartMs = lived > wellAfterMs ? firstRestartMs : Math.min(2 * slot.restartMs, maxRestartMs);
      this.logger.warn(
        `a process for ${slot.roles} ended (${signal ?? String(code)}): another in ${slot.restartMs} ms`,
      );
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        this.restarts.add();
        Object.assign(slot, fork(slot.roles));
        this.adopt(slot);
      }, slot.restartMs);
      this.timers.add(timer);
    });
  }

  private hear(slot: Slot, message: ToParent): void {
    const { worker } = slot;
    switch (message.sluice) {
      case 'ready':
        slot.serves = true;
        if (slot.reloadDue) worker.process.kill('SIGHUP');
        return;
      case 'metrics':
        this.gathering.get(message.id)?.(message.snapshot);
        return;
      case 'gather-metrics':
        void this.gather().then((snapshots) => {
          tell(worker, { sluice: 'all-metrics', id: message.id, snapshots });
        });
    }
  }

  private ready({ worker, roles }: Slot): Promise<void> {
    return new Promise((resolve, reject) => {
      worker.on('message', (message: unknown) => {
        if (isOurs(message) && message.sluice === 'ready') resolve();
      });
      worker.once('exit', () => {
        if (!this.stopping) reject(new Error(`the process for ${roles} ended before it served`));
      });
    });
  }

  /** The metrics of every member that tells them in time, and of this process. */
  private async gather(): Promise<MetricsSnapshot[]> {
    const asked = this.slots.map(({ worker }) => this.askForMetrics(worker));
    const told = await Promise.all([this.metrics.snapshot(), ...asked]);
    return told.filter((snapshot) => snapshot !== null);
  }

  private askForMetrics(worker: Worker): Promise<MetricsSnapshot | null> {
    const id = (this.lastId += 1);
    return new Promise<MetricsSnapshot | null>((resolve) => {
      const timer = setTimeout(resolve, tellMetricsWithinMs, null);
      this.gathering.set(id, (snapshot) => {
        clearTimeout(timer);
        resolve(snapshot);
      });
      if (!tell(worker, { sluice: 'tell-metrics', id })) resolve(null);
    }).finally(() => this.gathering.delete(id));
  }
}

function fork(roles: string): Pick<Slot, 'worker' | 'serves' | 'reloadDue' | 'startedAtMs'> {
  const worker = cluster.fork({ ROLES: roles, API_PROCESSES: '1' });
  return { worker, serves: false, reloadDue: false, startedAtMs: performance.now() };
}

/** False: it is gone. */
function tell(worker: Worker, message: ToMember): boolean {
  if (!worker.isConnected()) return false;
  worker.send(message);
  return true;
}
