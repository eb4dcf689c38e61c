import { aborted, Interrupted, stopSignal } from '../../src/cli/stop-signal.js';
import { Teardown } from '../../src/cli/teardown.js';
import { chaos } from './surge/chaos.js';
import { describeFault } from './surge/fault-kinds.js';
import { readOptions, usage, type ChaosOptions } from './surge/options.js';
import { planFaults } from './surge/schedule.js';

/** `npm run chaos`: sells while everything breaks, and holds what buyers were told against what is left. */
const options = optionsOrExit();
const faults = planFaults(options);
if (options.dryRun) {
  console.log(faults.map(describeFault).join('\n'));
  process.exit(0);
}
const stop = stopSignal();
const teardown = new Teardown();
let exitCode = 1;
try {
  const clean = await Promise.race([chaos(options, faults, teardown, stop), aborted(stop)]);
  stop.throwIfAborted();
  if (clean === true) exitCode = 0;
} catch (error) {
  if (error instanceof Interrupted) exitCode = error.exitCode;
  console.error('chaos:', error instanceof Interrupted ? error.message : error);
}
await teardown.run();
process.exit(exitCode);

function optionsOrExit(): ChaosOptions {
  try {
    const read = readOptions(process.argv.slice(2));
    if (read !== null) return read;
  } catch (error) {
    console.error(`chaos: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
  console.log(usage);
  process.exit(0);
}
