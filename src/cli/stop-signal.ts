import { constants } from 'node:os';

/** Ctrl-C may come twice at once: from the terminal, and from npm, which passes on what it gets. */
const sameRequestMs = 1000;

/** The command was told to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(readonly signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
  }

  /** What a shell reports of a program that the signal ended. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

/**
 * Aborts, with an `Interrupted`, at the first SIGINT, SIGTERM or SIGHUP. Who insists ends the process at once; what it started
 * ends with it. From now on the process lives until it exits by `process.exit`: embedded servers do not keep it alive.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const interrupted = new Interrupted(signal);
    if (firstAt !== undefined && performance.now() - firstAt > sameRequestMs) process.exit(interrupted.exitCode);
    firstAt ??= performance.now();
    controller.abort(interrupted);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  setInterval(() => undefined, 2 ** 30);
  return controller.signal;
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener('abort', () => {
        resolve();
      });
  });
}
