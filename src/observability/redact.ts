const secretNames = new Set([
  'answers',
  'apikey',
  'authorization',
  'cookie',
  'email',
  'idempotencykey',
  'key',
  'password',
  'proxyauthorization',
  'secret',
  'setcookie',
  'token',
]);

const maxDepth = 6;
const censored = '[redacted]';

/** Bearer credentials, JWTs, e-mail addresses and passwords inside URLs, wherever they stand in a text. */
const secretTexts: readonly [RegExp, string][] = [
  [/\bbearer\s+[^\s"',;]+/gi, `Bearer ${censored}`],
  [/\beyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)?/g, censored],
  [/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@]*@/gi, `$1${censored}@`],
  [/[\w.+%-]{1,64}@[a-z0-9.-]+\.[a-z]{2,}/gi, censored],
];

/** The text without what must never be in a log: credentials and e-mail addresses. */
export function redactText(text: string): string {
  let safe = text;
  for (const [pattern, replacement] of secretTexts) safe = safe.replace(pattern, replacement);
  return safe;
}

/**
 * A copy of the value that is safe to log: fields whose name says that they are secret or personal are censored,
 * texts are searched for credentials and e-mail addresses, errors are reduced to type, code, message, stack and cause.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '[deep]';
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return '[binary]';
  if (Array.isArray(value)) return value.map((element: unknown) => redact(element, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      secretNames.has(name.replaceAll(/[-_]/g, '').toLowerCase()) ? censored : redact(field, depth + 1),
    ]),
  );
}

/** Drivers hang whole commands and rows on their errors (`ReplyError.command.args`): only these fields are safe. */
function redactError(error: Error, depth: number): Record<string, unknown> {
  const { code } = error as { code?: unknown };
  return {
    type: error.constructor.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: redactText(error.message),
    stack: redactText(error.stack ?? ''),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  };
}
