import { Router, type Request } from 'express';
import { actingFor } from '../auth/acting-for.js';
import { callerOf } from '../auth/caller.js';
import type { GenerateDeps } from '../generate/deps.js';
import { hangUpSignal, idempotencyKey } from '../generate/route.js';
import { parse } from '../http/parse.js';
import { replayJobs } from './bulk-replay.js';
import { cancelJob } from './cancel.js';
import { findJob } from './find.js';
import { listJobs } from './list.js';
import { replayJob } from './replay.js';
import { Turns } from './turns.js';
import { jobView } from './view.js';
import { bulkReplayBody, jobListQuery, replayBody } from './wire.js';

/** A list reads the ids of whole queues: milliseconds of Redis' time, which all requests share. */
const LISTS_AT_ONCE = 2;
const LISTS_WAITING = 32;

/** `/api/v1/jobs`: everybody sees and ends their own. */
export function jobsRouter(deps: GenerateDeps): Router {
  const router = Router();
  const lists = new Turns(LISTS_AT_ONCE, LISTS_WAITING);
  router.get('/', async (req, res) => {
    const query = parse(jobListQuery, req.query);
    res.json(await lists.take(() => listJobs(deps, callerOf(res), query)));
  });
  router.get('/:id', async (req, res) => {
    res.json(await jobView(deps, await findJob(deps, callerOf(res), req.params.id)));
  });
  router.delete('/:id', async (req, res) => {
    res.status(202).json(await cancelJob(deps, callerOf(res), actingFor(deps.db, res), req.params.id));
  });
  return router;
}

/** `/api/v1/jobs/{id}/replay`, for admins: it spends others' money. */
export function replayRouter(deps: GenerateDeps): Router {
  const router = Router({ mergeParams: true });
  router.post('/', async (req: Request<{ id: string }>, res) => {
    const order = parse(replayBody, req.body ?? {});
    const replay = { id: req.params.id, order, idempotencyKey: idempotencyKey(req), signal: hangUpSignal(res) };
    const { id, status, position } = await replayJob(deps, callerOf(res), actingFor(deps.db, res), replay);
    res.status(202).location(`/api/v1/jobs/${id}`).json({ id, status, position, replay_of: req.params.id });
  });
  return router;
}

/** `/api/v1/jobs/replay`, for admins. */
export function bulkReplayRouter(deps: GenerateDeps): Router {
  const router = Router();
  router.post('/', async (req, res) => {
    res.json(await replayJobs(deps, actingFor(deps.db, res), parse(bulkReplayBody, req.body), hangUpSignal(res)));
  });
  return router;
}
