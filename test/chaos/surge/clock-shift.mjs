/**
 * Preloaded into a process of ours, it makes the wall clock jump by the ms that stand in the file CHAOS_CLOCK_FILE; timers and
 * performance.now() go on as they do when a real clock is set. Test only: production code knows nothing of it.
 */
import { readFileSync } from 'node:fs';

const file = process.env.CHAOS_CLOCK_FILE;
const lookEveryMs = 100;

if (file !== undefined) {
  const RealDate = Date;
  let offsetMs = 0;
  setInterval(() => {
    try {
      offsetMs = Number(readFileSync(file, 'utf8'));
    } catch {
      offsetMs = 0; // not set yet
    }
  }, lookEveryMs).unref();
  const realNow = RealDate.now.bind(RealDate);
  const now = () => realNow() + offsetMs;
  RealDate.now = now;
  globalThis.Date = new Proxy(RealDate, {
    construct(target, args, newTarget) {
      /** @type {unknown} */
      const date = Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget);
      return /** @type {Date} */ (date);
    },
    apply: () => new RealDate(now()).toString(),
  });
}
