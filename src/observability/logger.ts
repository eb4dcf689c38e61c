import { type DestinationStream, type LevelWithSilent, type LogFn, type Logger, type LoggerOptions, pino } from 'pino';

import { redact, redactText } from './redact.js';

export type { Logger } from 'pino';

/**
 * A logger that writes one JSON object a line, to standard output unless told otherwise. Whatever is given to it, no
 * credential, token, answer, idempotency key or e-mail address comes out (`redact.ts`).
 */
export function createLogger(level: LevelWithSilent, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => redact(fields) as Record<string, unknown>,
    },
    // Errors are made safe above; pino's own serializer would copy every field they have.
    serializers: { err: (error: unknown) => error },
    hooks: { logMethod: redactMessage },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** pino takes the message from the error where there is no other, after everything else: so it is given one here. */
function redactMessage(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [first, ...rest] = args as unknown[];
  const error = first instanceof Error ? first : (first as { err?: unknown } | null | undefined)?.err;
  const message = rest.length === 0 && error instanceof Error ? [error.message] : rest;
  const fields = typeof first === 'string' ? redactText(first) : first;
  const safe = [fields, ...message.map((part) => (typeof part === 'string' ? redactText(part) : redact(part)))];
  method.apply(this, safe as Parameters<LogFn>);
}
