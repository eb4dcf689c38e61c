import { readOptions, usage, type DemoOptions } from './demo/options.js';
import { Progress } from './demo/progress.js';
import { isClean, report } from './demo/report.js';
import { runDemo } from './demo/run-demo.js';
import { Interrupted, stopSignal } from './stop-signal.js';
import { Teardown } from './teardown.js';

/** `npm run demo`: sells out twice before a crowd, on everything real, and audits the books. */
const options = optionsOrExit();
const stop = stopSignal();
const progress = new Progress();
const teardown = new Teardown();
let exitCode = 1;
try {
  const result = await runDemo(options, teardown, stop, progress);
  console.log(`\n${report(result).join('\n')}`);
  if (isClean(result)) exitCode = 0;
} catch (error) {
  progress.end();
  if (error instanceof Interrupted) exitCode = error.exitCode;
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
}
await teardown.run();
process.exit(exitCode);

function optionsOrExit(): DemoOptions {
  try {
    const read = readOptions(process.argv.slice(2));
    if (read !== null) return read;
  } catch (error) {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
  console.log(usage);
  process.exit(0);
}
