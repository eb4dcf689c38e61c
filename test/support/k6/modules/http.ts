import { Agent } from 'undici';
import { durationMs } from '../durations.js';
import { builtin } from '../registry.js';

interface Params {
  readonly headers?: Readonly<Record<string, string>>;
  /** a duration, or milliseconds; default 60 s */
  readonly timeout?: string | number;
}

/** Enough for who waits at once; with one for each virtual user, undici spends its time looking for a free one. */
const agent = new Agent({ connections: 256, pipelining: 1, keepAliveTimeout: 60_000 });

export class Response {
  readonly timings: { readonly duration: number };

  constructor(
    /** 0: there was no answer, and `error` says why */
    readonly status: number,
    /** names as Go writes them: `Idempotency-Replayed` */
    readonly headers: Readonly<Record<string, string>>,
    readonly body: string,
    duration: number,
    readonly error = '',
  ) {
    this.timings = { duration };
  }

  /** The body, or what is at `a.0.b` in it. @throws SyntaxError when it is no JSON */
  json(path?: string): unknown {
    const whole = JSON.parse(this.body) as unknown;
    if (path === undefined) return whole;
    return path
      .split('.')
      .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], whole);
  }
}

/** Never rejects: a request that got no answer has status 0. */
async function asyncRequest(
  method: string,
  url: string,
  body: string | null = null,
  params: Params = {},
): Promise<Response> {
  const startedAt = performance.now();
  const response = await answer(method, new URL(url), body, params, startedAt);
  builtin.httpReqs.add(1);
  builtin.httpReqDuration.add(response.timings.duration);
  builtin.httpReqFailed.add(response.status < 200 || response.status >= 400);
  return response;
}

async function answer(
  method: string,
  { origin, pathname, search }: URL,
  body: string | null,
  { headers = {}, timeout = '60s' }: Params,
  startedAt: number,
): Promise<Response> {
  const timeoutMs = typeof timeout === 'number' ? timeout : durationMs(timeout);
  try {
    const got = await agent.request({
      origin,
      path: pathname + search,
      method,
      headers,
      body,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    const text = await got.body.text();
    return new Response(got.statusCode, canonical(got.headers), text, performance.now() - startedAt);
  } catch (error) {
    return new Response(
      0,
      {},
      '',
      performance.now() - startedAt,
      error instanceof Error ? error.message : String(error),
    );
  }
}

function canonical(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()),
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}

export default { asyncRequest };
