import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import type { Count, Family, Logger, Metrics } from '../observability/index.js';
import { pathOf, sendProblem } from './problem.js';
import { refusalOf } from './refusal.js';

const outageLogIntervalMs = 1000;

/**
 * Turns every error into its answer, wherever it was thrown: Fastify's hooks and parsers and Nest's handlers all end here.
 * An unexpected error is logged with its stack. An outage is logged once a second: it would fail thousands of requests.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private outageLoggedAtMs = 0;

  private readonly refusals: Family<Count>;

  constructor(
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.refusals = metrics.counters({
      name: 'http_refusals_total',
      help: 'Answers with a problem document, by its code',
      labels: ['code'],
    });
    this.refusals.at('internal'); // from the start at 0, or the first would be no increase
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const refusal = refusalOf(error);
    this.refusals.at(refusal.code).add();
    if (refusal.code === 'internal') this.log('error', error, request, 'unexpected error');
    if (refusal.code === 'unavailable' && refusal.cause !== undefined) this.logOutage(refusal.cause, request);
    if (reply.raw.headersSent) {
      // too late for another answer: a cut-off one must not look whole
      reply.raw.destroy();
      return;
    }
    // Fastify closes the connection after every fault in a body; where it was read whole, the next request may follow
    if (request.raw.complete && refusal.code !== 'unavailable') reply.removeHeader('connection');
    sendProblem(refusal, request, reply);
  }

  private logOutage(cause: unknown, request: FastifyRequest): void {
    const nowMs = Date.now();
    if (nowMs - this.outageLoggedAtMs < outageLogIntervalMs) return;
    this.outageLoggedAtMs = nowMs;
    this.log('warn', cause, request, 'a server behind is unavailable');
  }

  private log(level: 'error' | 'warn', error: unknown, request: FastifyRequest, message: string): void {
    const err = error instanceof Error ? error : new Error(`not an error: ${typeof error}`);
    this.logger[level]({ err, requestId: request.id, method: request.method, path: pathOf(request.raw.url) }, message);
  }
}
