import { recordDeeds, type ActingDb } from '@llm-gateway/db';
import { endAbandoned } from '@llm-gateway/engine';
import { broadcastCancellation } from '@llm-gateway/queue';
import type { Caller } from '../auth/caller.js';
import { removeWaiting } from '../generate/await-outcome.js';
import type { GenerateDeps } from '../generate/deps.js';
import { redisOrUnavailable } from '../generate/refusal.js';
import { findJob } from './find.js';
import { jobView } from './view.js';
import type { WireJob } from './wire.js';

const CANCELLED = { code: 'cancelled', message: 'the request was cancelled' } as const;

/**
 * A waiting job leaves its queue; the provider call of an active one is aborted by the worker that holds it. One that has ended stays as it is.
 * @param acting who goes on record where an admin ends a job. @returns the job as it is now.
 * @throws GatewayError not_found for one that is not the caller's; unavailable.
 */
export async function cancelJob(deps: GenerateDeps, caller: Caller, acting: ActingDb, id: string): Promise<WireJob> {
  const found = await findJob(deps, caller, id);
  if (!found.stored) return jobView(deps, found);
  // What callers do with their own jobs is no admin's deed, and works while PostgreSQL is away.
  if (caller.scopes.has('admin')) {
    await recordDeeds(acting, [
      { action: 'job.cancel', target: 'job', targetId: found.stored.head.id, before: null, after: null },
    ]);
  }
  await end(deps, found.stored.head.id);
  return jobView(deps, found);
}

async function end(deps: GenerateDeps, id: string): Promise<void> {
  if ((await redisOrUnavailable(deps.store.outcomes([id]))).has(id)) return;
  // First the word that counts wherever the job is just now; then the quick ways.
  await redisOrUnavailable(deps.store.markCancelled(id));
  if (await redisOrUnavailable(removeWaiting(deps, id, CANCELLED))) await endAbandoned(deps, id, CANCELLED);
  else await redisOrUnavailable(broadcastCancellation(deps.redis, id));
}
