import type { ServerResponse } from 'node:http';

import type { FastifyReply, FastifyRequest } from 'fastify';

/** One event in the form of the HTML standard, section 9.2. `data` is sent as JSON, which has no line break. */
export function eventFrame({ event, data, id }: { event: string; data: unknown; id?: string }): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/**
 * What this client had heard last before its connection was cut; undefined: nothing, or something that is no id. It says so in
 * the header `Last-Event-ID`, as browsers do.
 */
export function lastEventId(request: FastifyRequest): string | undefined {
  const value = request.headers['last-event-id'];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** An answer that goes on until somebody ends it: `text/event-stream`. */
export class EventStream {
  /** when the last bytes were handed to Node, by `performance.now()` */
  lastSentAtMs = performance.now();
  private readonly response: ServerResponse;

  /**
   * Begins the answer; nothing can be refused any more.
   * @param reconnectAfterMs what the client is told to wait for, once the stream has ended
   */
  constructor(reply: FastifyReply, reconnectAfterMs: number) {
    reply.hijack();
    this.response = reply.raw;
    if (this.response.destroyed) return;
    this.response.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no', // nginx would gather what we send
      connection: 'close', // a node that stops waits for no connection that is idle between two requests
    });
    this.send(`retry: ${reconnectAfterMs}\n\n`);
    if (reply.request.method === 'HEAD') this.end();
  }

  /** bytes that the client has not taken from us yet; what its own system holds does not count */
  get waitingBytes(): number {
    return this.response.writableLength;
  }

  /** Does nothing once the stream has ended. @param frame of `eventFrame`, or a comment */
  send(frame: string): void {
    if (this.response.writableEnded || this.response.destroyed) return;
    this.lastSentAtMs = performance.now();
    this.response.write(frame);
  }

  end(): void {
    this.response.end();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.response.destroy();
  }

  /** Calls `closed` once, when nothing can be sent any more, whoever ended it; later where it is so already. */
  onClose(closed: () => void): void {
    if (this.response.closed) setImmediate(closed);
    else this.response.once('close', closed);
  }
}
