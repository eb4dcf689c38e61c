import { AsyncLocalStorage } from 'node:async_hooks';
import { builtin } from './registry.js';

export interface Iteration {
  readonly scenario: RunningScenario;
  readonly iterationInTest: number;
}

/** Which iteration the code that asks belongs to; all share one event loop, where k6 has an engine for each virtual user. */
export const current = new AsyncLocalStorage<Iteration>();

/** One scenario on its way: starts iterations, and counts them and their virtual users. */
export class RunningScenario {
  readonly startedAt = performance.now();
  private started = 0;
  private active = 0;
  private readonly running = new Set<Promise<void>>();

  constructor(
    readonly name: string,
    private readonly work: () => unknown,
    private readonly progressOf: (elapsedMs: number, started: number) => number,
  ) {}

  get elapsedMs(): number {
    return performance.now() - this.startedAt;
  }

  /** 0 to 1 */
  get progress(): number {
    return Math.min(1, Math.max(0, this.progressOf(this.elapsedMs, this.started)));
  }

  get busyUsers(): number {
    return this.active;
  }

  get iterationsStarted(): number {
    return this.started;
  }

  /** One run of the script's function by a virtual user who has nothing to do. What it throws ends this iteration alone. */
  iterate(): Promise<void> {
    const iteration: Iteration = { scenario: this, iterationInTest: this.started++ };
    const startedAt = performance.now();
    this.active += 1;
    builtin.vus.add(this.active);
    const end = current
      .run(iteration, async () => this.work())
      .then(
        () => undefined,
        (error: unknown) => {
          console.error(`${this.name}, iteration ${iteration.iterationInTest}:`, error);
        },
      )
      .then(() => {
        this.active -= 1;
        this.running.delete(end);
        builtin.iterations.add(1);
        builtin.iterationDuration.add(performance.now() - startedAt);
      });
    this.running.add(end);
    return end;
  }

  /** Waits for iterations that are under way. */
  async drained(): Promise<void> {
    await Promise.all(this.running);
  }
}
