import { get, type IncomingMessage } from 'node:http';
import type { Headers } from './api-client.js';

export interface HeardEvent<Data> {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Data;
}

/** A client of one event stream. */
export interface EventListener<Data> {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly events: readonly HeardEvent<Data>[];
  /** all that came, as it came */
  readonly text: () => string;
  /** resolves when the stream is over: true where it was ended in order, false where it was cut off */
  readonly ended: Promise<boolean>;
  readonly close: () => void;
}

/** Opens a stream. Resolves with the head of the answer, whatever its status. */
export function listen<Data = { status: string }>(
  url: string,
  headers: Headers,
  onEvent: (event: HeardEvent<Data>) => void = () => undefined,
): Promise<EventListener<Data>> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false }, (response) => {
      const events: HeardEvent<Data>[] = [];
      let text = '';
      let read = 0;
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        for (let end = text.indexOf('\n\n', read); end >= 0; end = text.indexOf('\n\n', read)) {
          const event = eventOf<Data>(text.slice(read, end));
          read = end + 2;
          if (event === undefined) continue;
          events.push(event);
          onEvent(event);
        }
      });
      const ended = new Promise<boolean>((over) => {
        response.on('close', () => {
          over(response.complete);
        });
      });
      response.on('error', () => undefined);
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        events,
        text: () => text,
        ended,
        close: () => request.destroy(),
      });
    });
    request.on('error', reject);
  });
}

function eventOf<Data>(block: string): HeardEvent<Data> | undefined {
  const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  const data = field('data');
  return data === undefined
    ? undefined
    : { event: field('event') ?? 'message', id: field('id'), data: JSON.parse(data) as Data };
}
