import type { Readable } from 'node:stream';
import { createSigner } from 'fast-jwt';
import { Agent } from 'undici';
import type { OpenApiContract } from './openapi-contract.js';

export const adminKey = 'test-admin-key-of-thirty-two-chars';
export const operatorKey = 'test-operator-key-of-thirty-two-ch';
export const viewerKey = 'test-viewer-key-of-thirty-two-char';
export const jwtSecret = 'test-secret-of-thirty-two-bytes-or-more';

const sign = createSigner({ key: jwtSecret, algorithm: 'HS256', expiresIn: 3_600_000 });

/** The header of a buyer. */
export function buyer(id: string): Headers {
  return { authorization: `Bearer ${sign({ sub: id })}` };
}

export const admin: Headers = { authorization: `Bearer ${adminKey}` };

export type Headers = Readonly<Record<string, string>>;

/**
 * Any body that the API gives, as one flat shape: the OpenAPI document has been checked before a test looks, so a field that
 * the documented answer has is there, and one that it has not is undefined.
 */
export interface Body {
  readonly id: string;
  readonly saleId: string;
  readonly buyerId: string;
  readonly status: string;
  readonly reason: string;
  readonly name: string;
  readonly code: string;
  readonly detail: string;
  readonly instance: string;
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  readonly ticketTypeIds: readonly string[];
  readonly left: number;
  readonly items: readonly {
    readonly ticketTypeId: string;
    readonly quantity: number;
    readonly unitPriceMinor: number;
  }[];
  readonly ticketTypes: readonly {
    readonly id: string;
    readonly ticketTypeId: string;
    readonly name: string;
    readonly capacity: number;
    readonly available: number;
    readonly held: number;
    readonly queued: number;
    readonly reserved: number;
    readonly confirmed: number;
    readonly drift: number;
  }[];
  readonly buyerFields: readonly object[];
  readonly answers: Readonly<Record<string, unknown>>;
  readonly totalMinor: number;
  readonly currency: string;
  readonly holdExpiresAt: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly soldOut: boolean;
  readonly serverTime: string;
  readonly consistent: boolean;
  readonly maxPerBuyer: number;
  readonly data: readonly (Body & AuditEntry)[];
  readonly nextCursor: string | null;
  readonly checks: Readonly<Record<string, { readonly status: string }>>;
  readonly expired: number;
  readonly requeued: number;
  readonly returned: number;
  readonly closed: number;
  readonly reloaded: number;
  readonly durationMs: number;
  readonly orderId: string;
  readonly token: string;
  readonly expiresAt: string;
  readonly paymentReference: string;
  readonly amountMinor: number;
}

interface AuditEntry {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly details: object;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Body;
}

export interface RequestOptions {
  /** one with several values is sent several times */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** sent as JSON */
  readonly json?: unknown;
  /** sent as it is */
  readonly raw?: string | Buffer | Readable;
}

/** Of a stream that does not end by itself; hangs up after it. */
async function beginningOf(body: Readable): Promise<string> {
  for await (const chunk of body) return String(chunk);
  return '';
}

/** What an nginx keeps from its clients. */
const keptInside = /^\/(metrics|health\/ready)(\?|$)/;

/** Talks to one API node, and holds every answer against the OpenAPI document. */
export class ApiClient {
  private readonly agent = new Agent({ connections: 256, pipelining: 1, headersTimeout: 60_000 });

  constructor(
    readonly url: string,
    private readonly contract: Pick<OpenApiContract, 'check'>,
    /** the node itself, where `url` is an nginx before it */
    private readonly nodeUrl = url,
  ) {}

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { headers = {}, json, raw } = options;
    const body = json === undefined ? raw : JSON.stringify(json);
    // the agent itself: what stands above it would tidy up the path
    const response = await this.agent.request({
      origin: keptInside.test(path) ? this.nodeUrl : this.url,
      path,
      method,
      headers: { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const contentType = String(response.headers['content-type'] ?? '');
    const text = await (contentType === 'text/event-stream' ? beginningOf(response.body) : response.body.text());
    const answer = {
      status: response.statusCode,
      headers: response.headers,
      // an answer without a body has none of the fields
      body: (text === '' ? {} : contentType.includes('json') ? JSON.parse(text) : text) as Body,
    };
    if (method !== 'HEAD') {
      this.contract.check(method, path.replace(/\?.*$/, ''), {
        status: answer.status,
        contentType,
        body: text === '' ? undefined : answer.body,
      });
    }
    return answer;
  }

  get(path: string, headers: Headers = {}): Promise<Answer> {
    return this.request('GET', path, { headers });
  }

  post(path: string, headers: Headers = {}, json?: unknown): Promise<Answer> {
    return this.request('POST', path, { headers, ...(json === undefined ? {} : { json }) });
  }

  patch(path: string, json: unknown, headers: Headers = admin): Promise<Answer> {
    return this.request('PATCH', path, { headers, json });
  }

  /** A sample of the node's own `/metrics`, by its name without the prefix and its labels. NaN: there is none. */
  async figure(name: string): Promise<number> {
    const text = await (await fetch(`${this.nodeUrl}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`sluice_${name} `));
    return Number(line?.slice(line.lastIndexOf(' ')) ?? NaN);
  }

  close(): Promise<void> {
    return this.agent.destroy();
  }
}
