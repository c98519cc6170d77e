import { Router } from 'express';
import { endAbandoned } from '@llm-gateway/engine';
import { broadcastCancellation, outcomeError, type Outcome, type StoredRequest } from '@llm-gateway/queue';
import { GatewayError, type GenerateResult } from '@llm-gateway/shared';
import { callerOf } from '../auth/caller.js';
import { errorBody } from '../http/errors.js';
import type { GenerateCaller, GenerateDeps } from '../generate/deps.js';
import { removeWaiting } from '../generate/await-outcome.js';
import { redisOrUnavailable } from '../generate/refusal.js';

type JobStatus = 'queued' | 'active' | 'completed' | 'failed' | 'cancelled';

interface JobView {
  id: string;
  status: JobStatus;
  position?: number;
  result?: GenerateResult;
  error?: unknown;
  created_at: string;
  finished_at?: string;
}

export function jobsRouter(deps: GenerateDeps): Router {
  const router = Router();
  router.get('/:id', async (req, res) => {
    res.json(await view(deps, await find(deps, callerOf(res), req.params.id)));
  });
  router.delete('/:id', async (req, res) => {
    const stored = await find(deps, callerOf(res), req.params.id);
    await cancel(deps, stored);
    res.status(202).json(await view(deps, stored));
  });
  return router;
}

/** @throws GatewayError not_found also for a request of another service: its id is nobody else's business. */
async function find(deps: GenerateDeps, caller: GenerateCaller, id: string): Promise<StoredRequest> {
  const stored = await redisOrUnavailable(deps.store.read(id));
  if (!stored || (caller.service !== null && caller.service !== stored.head.service)) {
    throw new GatewayError('not_found', `there is no job ${id.slice(0, 64)}, or its result is no longer kept`);
  }
  return stored;
}

async function view(deps: GenerateDeps, { head, hop }: StoredRequest): Promise<JobView> {
  const common = { id: head.id, created_at: new Date(head.createdAt).toISOString() };
  const outcome = (await redisOrUnavailable(deps.store.outcomes([head.id]))).get(head.id);
  if (outcome) return { ...common, ...finished(outcome) };
  const provider = head.lanes[hop] ?? '';
  const state = await redisOrUnavailable(deps.belt.state(provider, head.id, hop));
  if (state !== 'waiting') return { ...common, status: 'active' };
  const position = await redisOrUnavailable(deps.belt.position(provider, head.id, hop));
  return { ...common, status: 'queued', ...(position === null ? {} : { position }) };
}

function finished(outcome: Outcome): Pick<JobView, 'status' | 'result' | 'error' | 'finished_at'> {
  const finished_at = new Date(outcome.finishedAt).toISOString();
  if (outcome.status === 'ok') return { status: 'completed', result: outcome.result, finished_at };
  const status = outcome.error.code === 'cancelled' ? 'cancelled' : 'failed';
  return { status, error: errorBody(outcomeError(outcome), outcome.id).error, finished_at };
}

/** A waiting job leaves its queue; the provider call of an active one is aborted by the worker that holds it. */
async function cancel(deps: GenerateDeps, { head }: StoredRequest): Promise<void> {
  if ((await redisOrUnavailable(deps.store.outcomes([head.id]))).has(head.id)) return;
  const trouble = { code: 'cancelled', message: 'the request was cancelled' } as const;
  // First the word that counts wherever the job is just now; then the quick ways.
  await redisOrUnavailable(deps.store.markCancelled(head.id));
  if (await redisOrUnavailable(removeWaiting(deps, head.id))) await endAbandoned(deps, head.id, trouble);
  else await redisOrUnavailable(broadcastCancellation(deps.redis, head.id));
}
