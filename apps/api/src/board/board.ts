/** Bull Board, to look at only: replaying and cancelling are calls of our own API, which knows what they mean. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { GatewayError } from '@llm-gateway/shared';
import { Router, type Application, type RequestHandler } from 'express';
import type { Deps } from '../deps.js';
import { boardAccess } from './board-access.js';
import { showJobData, showSize } from './show-job.js';

/** BullMQ's queue, by way of the board: only the queue package knows BullMQ itself. */
export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

export const BOARD_PATH = '/admin/queues';

/** Everything from here; the board's markup carries styles of its own. Its web font is not fetched: no page of ours calls elsewhere. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'self'; frame-ancestors 'none'";

export function boardRouter({ config, queues, keys }: Pick<Deps, 'config' | 'queues' | 'keys'>): Router {
  const server = new ExpressAdapter();
  server.setBasePath(BOARD_PATH);
  const adapters = () => queues.boardQueues().map(toAdapter);
  const board = createBullBoard({
    queues: adapters(),
    serverAdapter: server,
    options: { uiConfig: { boardTitle: 'LLM Gateway', hideRedisDetails: true, hideDocsLink: true } },
  });
  config.onChange(() => board.replaceQueues(adapters()));
  const app = server.getRouter() as Application;
  app.disable('x-powered-by');
  const router = Router();
  router.use(boardAccess(keys), lookOnly, app);
  return router;
}

function toAdapter(queue: BoardQueue): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false });
  adapter.setFormatter('data', showJobData);
  adapter.setFormatter('returnValue', showSize);
  adapter.setFormatter('progress', showSize);
  return adapter;
}

/** The board's own switch leaves some routes alone; that nothing but reading comes through is decided here. */
const lookOnly: RequestHandler = (req, res, next) => {
  if (req.method !== 'GET' && req.method !== 'HEAD') throw new GatewayError('forbidden', 'the board is read-only');
  res.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  res.set('Cache-Control', 'no-store');
  next();
};
