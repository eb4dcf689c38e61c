import type { FastifyInstance } from 'fastify';

import type { Span, Traces } from '../observability/index.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** where traces are on, on routes under /v1 */
    span: Span | undefined;
  }
}

/**
 * A span for each request under /v1, which goes on from the client's `traceparent`. Must be called before other hooks are
 * added. Error messages and paths with ids stay out of it: it has the route's pattern and the status.
 */
export function traceRequests(instance: FastifyInstance, traces: Traces): void {
  instance.decorateRequest('span', undefined);
  instance.addHook('onRequest', (request, _reply, done) => {
    const { url, method } = request.routeOptions;
    if (url?.startsWith('/v1/') === true) {
      request.span = traces.start(`${String(method)} ${url}`, {
        kind: 'server',
        parent: request.headers['traceparent'] as string | undefined,
        attributes: { 'http.request.method': request.method, 'http.route': url, 'sluice.request_id': request.id },
      });
    }
    done();
  });
  // not sooner: the stream that a body is read from would take the handler out of it again
  instance.addHook('preHandler', (request, _reply, done) => {
    traces.within(request.span, done);
  });
  instance.addHook('onResponse', (request, reply, done) => {
    request.span?.end(reply.statusCode >= 500 ? new Error('refused') : undefined);
    done();
  });
}
