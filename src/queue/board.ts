import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { Queue } from 'bullmq';
import Fastify, { type FastifyInstance } from 'fastify';

/**
 * Bull Board over these queues, to look at and not to touch: a job that was added or changed by hand could end orders past every
 * rule, and none needs a hand (ADR 22). A Fastify of its own that listens nowhere: it is asked by `inject`.
 */
export async function bullBoard(queues: readonly Queue[], basePath: string): Promise<FastifyInstance> {
  const adapter = new FastifyAdapter();
  adapter.setBasePath(basePath);
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'Sluice', hideRedisDetails: true } },
  });
  const board = Fastify();
  await board.register(adapter.registerPlugin(), { prefix: basePath });
  await board.ready();
  return board;
}
