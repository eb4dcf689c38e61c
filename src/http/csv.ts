import type { FastifyReply, FastifyRequest } from 'fastify';

/** Whether the client would rather have CSV than JSON: `Accept` names `text/csv`, and nothing of ours with a higher weight. */
export function wantsCsv({ headers: { accept = '' } }: FastifyRequest): boolean {
  const weights = new Map(
    accept.split(',').map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
      return [type, weight === undefined ? 1 : Number(weight)];
    }),
  );
  const csv = weights.get('text/csv') ?? 0;
  return csv > 0 && csv >= (weights.get('application/json') ?? 0);
}

/** Says that the answer is a CSV file of this name, which has no character that must be quoted. */
export function sendsCsv(reply: FastifyReply, fileName: string): void {
  void reply
    .header('content-type', 'text/csv; charset=utf-8; header=present')
    .header('content-disposition', `attachment; filename="${fileName}"`)
    .header('cache-control', 'no-store');
}

/** How such an answer is documented. */
export const csvAnswer = { 'text/csv': { schema: { type: 'string' } } };
