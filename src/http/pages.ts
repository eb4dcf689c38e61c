import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

import { pageHeaders } from './security-headers.js';

const folder = fileURLToPath(new URL('../../dist/web/', import.meta.url));

/** Addresses and the page that each of them shows; the page reads the address itself. */
const pages: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/sales/:saleId': 'index.html',
  '/admin': 'admin/index.html',
  '/admin/sales/:saleId': 'admin/index.html', // `new`, too
  '/admin/sales/:saleId/:part': 'admin/index.html',
  '/admin/sales/:saleId/orders/:orderId': 'admin/index.html',
  '/admin/dead-letters': 'admin/index.html',
  '/admin/refunds': 'admin/index.html',
  '/admin/audit': 'admin/index.html',
};

/**
 * Serves the built pages (docs/pages.md). A file is named by what is in it and kept for ever; a page is asked for anew each
 * time. A route for each file, made at the start: what is not there is 404 as everywhere.
 */
export function servePages(instance: FastifyInstance): void {
  void instance.register(async (scope: FastifyInstance) => {
    scope.addHook('onRequest', (_request, reply, done) => {
      reply.headers(pageHeaders);
      done();
    });
    await scope.register(fastifyStatic, {
      root: `${folder}assets`,
      prefix: '/assets/',
      wildcard: false,
      preCompressed: true,
      immutable: true,
      maxAge: '1y',
    });
    for (const [url, file] of Object.entries(pages)) {
      scope.get(url, (_request, reply) => reply.sendFile(file, folder, { immutable: false, maxAge: 0 }));
    }
  });
}
