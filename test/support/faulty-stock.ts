import { unavailable } from '../../src/domain/index.js';
import { StockStore } from '../../src/inventory/index.js';

/** A script whose call may be made to fail. */
export type FaultyCall = 'settle' | 'release' | 'change' | 'fence' | 'drop' | 'load';

/** The `nth` call of a script fails, before it was sent or after it took effect. */
export interface Fault {
  readonly call: FaultyCall;
  readonly nth: number;
  readonly when: 'before' | 'after';
}

/** What a fault of a test gives as the cause, so that it is not taken for a server that really is away. */
export class Mishap extends Error {}

/** Says of each call whether the fault strikes; the model and the real store each have one of their own. */
export class FaultPlan {
  private fault: Fault | undefined;
  private calls = 0;

  arm(fault: Fault | undefined): void {
    this.fault = fault;
    this.calls = 0;
  }

  strikes(call: FaultyCall): Fault['when'] | undefined {
    if (this.fault?.call !== call) return undefined;
    this.calls += 1;
    return this.calls === this.fault.nth ? this.fault.when : undefined;
  }
}

/** A real store, of which a process that dies between two steps, or an answer that is lost, can be played. */
export class FaultyStock extends StockStore {
  readonly faults = new FaultPlan();

  override settle(...args: Parameters<StockStore['settle']>): ReturnType<StockStore['settle']> {
    return this.through('settle', () => super.settle(...args));
  }

  override release(...args: Parameters<StockStore['release']>): ReturnType<StockStore['release']> {
    return this.through('release', () => super.release(...args));
  }

  override change(...args: Parameters<StockStore['change']>): ReturnType<StockStore['change']> {
    return this.through('change', () => super.change(...args));
  }

  override fence(...args: Parameters<StockStore['fence']>): ReturnType<StockStore['fence']> {
    return this.through('fence', () => super.fence(...args));
  }

  override drop(...args: Parameters<StockStore['drop']>): ReturnType<StockStore['drop']> {
    return this.through('drop', () => super.drop(...args));
  }

  override load(...args: Parameters<StockStore['load']>): ReturnType<StockStore['load']> {
    return this.through('load', () => super.load(...args));
  }

  private async through<T>(call: FaultyCall, run: () => Promise<T>): Promise<T> {
    const when = this.faults.strikes(call);
    if (when === 'before') throw unavailable(new Mishap(`${call} was not sent`));
    const result = await run();
    if (when === 'after') throw unavailable(new Mishap(`the answer of ${call} was lost`));
    return result;
  }
}
