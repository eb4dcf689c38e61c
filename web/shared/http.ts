import type { ErrorCode, FieldError } from '../../src/domain/index.js';

/** The API's codes, and `network`: there was no answer. */
export type RefusalCode = ErrorCode | 'network';

const temporaryCodes: readonly RefusalCode[] = ['network', 'rate_limited', 'overloaded', 'unavailable', 'recovering'];

const soonMs = 10_000;

export interface RefusalFacts {
  readonly errors?: readonly FieldError[];
  /** limit_exceeded: how many more this buyer may order */
  readonly left?: number;
}

/** Why a request gave nothing. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(
    readonly code: RefusalCode,
    readonly facts: RefusalFacts = {},
    /** what `Retry-After` says */
    readonly retryAfterMs?: number,
  ) {
    super(code);
  }

  /** The same request may succeed later. */
  get isTemporary(): boolean {
    // clicked a moment before the start, by a clock that is not quite the server's
    const opensSoon = this.code === 'sale_not_open' && (this.retryAfterMs ?? Infinity) <= soonMs;
    return opensSoon || temporaryCodes.includes(this.code);
  }
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly signal?: AbortSignal;
  /** how long to wait for the answer; default 15 s, null: for ever */
  readonly timeoutMs?: number | null;
}

/** The body of an answer. @throws Refusal; whatever `signal` was aborted with */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options);
  const text = await orRefuse(response.text(), options.signal);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** The body of an answer, as a file. @throws Refusal */
export async function requestFile(path: string, options: RequestOptions = {}): Promise<Blob> {
  const response = await send(path, options);
  return orRefuse(response.blob(), options.signal);
}

/** An answer of the kind 2xx. @throws Refusal; whatever `signal` was aborted with */
export async function send(path: string, options: RequestOptions): Promise<Response> {
  const { method = 'GET', headers = {}, json, signal, timeoutMs = 15_000 } = options;
  const signals = [
    ...(signal === undefined ? [] : [signal]),
    ...(timeoutMs === null ? [] : [AbortSignal.timeout(timeoutMs)]),
  ];
  const response = await orRefuse(
    fetch(path, {
      method,
      headers: { ...headers, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
      body: json === undefined ? null : JSON.stringify(json),
      signal: AbortSignal.any(signals),
      cache: 'no-store',
    }),
    signal,
  );
  if (response.ok) return response;
  throw await refusalOf(response);
}

/** A fetch fails in many words; all of them mean that nobody knows whether the request came through. */
async function orRefuse<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await promise;
  } catch {
    signal?.throwIfAborted();
    throw new Refusal('network');
  }
}

async function refusalOf(response: Response): Promise<Refusal> {
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  const problem = await response.json().then(
    (body: unknown) => body as RefusalFacts & { code?: RefusalCode },
    () => undefined,
  );
  // a proxy in between has no code to give
  const code = problem?.code ?? (response.status >= 502 ? 'unavailable' : 'internal');
  return new Refusal(code, problem, retryAfterMs);
}
