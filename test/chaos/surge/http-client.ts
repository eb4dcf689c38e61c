import { Agent } from 'undici';

export interface ChaosRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: object | undefined;
}

/** What of any body the buyers and the admin look at. */
export interface ChaosBody {
  readonly id?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly code?: string;
  readonly detail?: string;
  readonly data?: readonly { readonly id: string; readonly status: string }[];
  readonly ticketTypes?: readonly { readonly id: string; readonly capacity: number }[];
}

export interface ChaosAnswer {
  /** 0: no answer came */
  readonly status: number;
  /** the problem's code, or why no answer came; '' for a success */
  readonly code: string;
  readonly body: ChaosBody;
  /** by the clock of this machine, ms since 1970: before the request went out, and after the answer was whole */
  readonly sentAt: number;
  readonly answeredAt: number;
}

/** Longer than a long poll and than what the API gives a command; shorter than a process may be frozen. */
const answerTimeoutMs = 7000;
const maxConnections = 400;

/** Speaks HTTP to one API node. Never rejects: a lost answer is an answer too. Sends nothing twice by itself. */
export class HttpClient {
  private readonly agent = new Agent({
    connections: maxConnections,
    pipelining: 1,
    connectTimeout: 2000,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
    keepAliveTimeout: 30_000,
  });

  constructor(
    private readonly url: string,
    private readonly headers: Readonly<Record<string, string>> = {},
  ) {}

  async send({ method, path, headers = {}, json }: ChaosRequest): Promise<ChaosAnswer> {
    const sentAt = Date.now();
    try {
      const response = await this.agent.request({
        origin: this.url,
        method,
        path,
        headers: { ...this.headers, ...headers, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
        body: json === undefined ? null : JSON.stringify(json),
      });
      const text = await response.body.text();
      const status = response.statusCode;
      const body = parse(text);
      return { status, code: status < 400 ? '' : (body.code ?? 'no code'), body, sentAt, answeredAt: Date.now() };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { status: 0, code: code ?? message, body: {}, sentAt, answeredAt: Date.now() };
    }
  }

  close(): Promise<void> {
    return this.agent.destroy();
  }
}

function parse(text: string): ChaosBody {
  if (text === '') return {};
  try {
    return JSON.parse(text) as ChaosBody;
  } catch {
    return { code: 'not JSON' };
  }
}
