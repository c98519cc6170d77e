/** Bull Board, to look at only: replaying and cancelling are calls of our own API, which knows what they mean. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { GatewayError } from '@llm-gateway/shared';
import { Router, type Application, type RequestHandler } from 'express';
import type { Deps } from '../deps.js';
import { sessionOf } from '../admin/access.js';
import { promptsShown, showJobData, showSize } from './show-job.js';

/** BullMQ's queue, by way of the board: only the queue package knows BullMQ itself. */
export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

const BOARD_PATH = '/admin/queues';

/** Everything from here; the board's markup carries styles of its own. Its web font is not fetched: no page of ours calls elsewhere. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'self'; frame-ancestors 'none'";

/** Behind the access to the admin's pages. */
export function boardRouter({ config, queues }: Pick<Deps, 'config' | 'queues'>): Router {
  const server = new ExpressAdapter();
  server.setBasePath(BOARD_PATH);
  const adapters = () => queues.boardQueues().map(toAdapter);
  const board = createBullBoard({
    queues: adapters(),
    serverAdapter: server,
    options: {
      uiConfig: {
        boardTitle: 'LLM Gateway',
        miscLinks: [{ text: 'Prompts, jobs, sign out', url: '/admin' }],
        hideRedisDetails: true,
        hideDocsLink: true,
      },
    },
  });
  config.onChange(() => board.replaceQueues(adapters()));
  const app = server.getRouter() as Application;
  app.disable('x-powered-by');
  const router = Router();
  router.use(lookOnly, withPrompts, app);
  return router;
}

function toAdapter(queue: BoardQueue): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false, externalJobUrl });
  adapter.setFormatter('data', showJobData);
  adapter.setFormatter('returnValue', showSize);
  adapter.setFormatter('progress', showSize);
  return adapter;
}

/** Where a job is run again or cancelled. Its id in the queue is the request's and the number of its candidate. */
const externalJobUrl = ({ id }: { id?: string | number | undefined | null }) => ({
  displayText: 'Run again or cancel',
  href: `/admin/jobs/${encodeURIComponent(String(id ?? '').replace(/-\d+$/, ''))}`,
});

/** For the session that has asked for it, and as long as it holds. */
const withPrompts: RequestHandler = (_req, res, next) => {
  promptsShown.run((sessionOf(res)?.promptsUntil ?? 0) > Date.now(), next);
};

/** The board's own switch leaves some routes alone; that nothing but reading comes through is decided here. */
const lookOnly: RequestHandler = (req, res, next) => {
  if (req.method !== 'GET' && req.method !== 'HEAD')
    throw new GatewayError('forbidden', 'the board is read-only: jobs are run again and cancelled at /admin/jobs/{id}');
  res.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  res.set('Cache-Control', 'no-store');
  next();
};
