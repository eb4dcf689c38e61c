import { Agent, request } from 'node:http';

/** Longer than a long poll. */
const answerTimeoutMs = 20_000;

export interface Answer {
  /** 0: no answer came */
  readonly status: number;
  /** the problem's code, or why no answer came; '' for a success */
  readonly code: string;
  /** seconds the API asks to wait; 0: it does not say */
  readonly retryAfterSeconds: number;
  readonly body: { readonly id?: string; readonly status?: string };
}

/** Speaks HTTP as buyers do, over connections that stay open. Never rejects: a lost answer is an answer too. */
export class BuyerClient {
  private readonly agent = new Agent({ keepAlive: true });
  private readonly origin: { readonly host: string; readonly port: string };

  constructor(api: string) {
    const { hostname, port } = new URL(api);
    this.origin = { host: hostname, port };
  }

  send(method: 'GET' | 'POST', path: string, headers: Record<string, string>, json?: object): Promise<Answer> {
    return new Promise((resolve) => {
      const fail = (error: NodeJS.ErrnoException): void => {
        resolve({ status: 0, code: error.code ?? error.message, retryAfterSeconds: 0, body: {} });
      };
      const body = json === undefined ? undefined : JSON.stringify(json);
      const outgoing = request({
        ...this.origin,
        agent: this.agent,
        method,
        path,
        headers: {
          ...headers,
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
        },
      });
      outgoing.setTimeout(answerTimeoutMs, () => outgoing.destroy(new Error('timeout')));
      outgoing.on('error', fail);
      outgoing.on('response', (response) => {
        const { statusCode = 0, headers: answered } = response;
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('end', () => {
          resolve(answerOf(statusCode, Number(answered['retry-after'] ?? 0), Buffer.concat(chunks).toString()));
        });
      });
      outgoing.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

function answerOf(status: number, retryAfterSeconds: number, text: string): Answer {
  try {
    const body = JSON.parse(text) as { id?: string; status?: string; code?: string };
    return { status, code: status < 400 ? '' : (body.code ?? ''), retryAfterSeconds, body };
  } catch {
    return { status, code: 'not JSON', retryAfterSeconds, body: {} };
  }
}
