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
 * @returns the job as it is now. @throws GatewayError not_found for one that is not the caller's; unavailable.
 */
export async function cancelJob(deps: GenerateDeps, caller: Caller, id: string): Promise<WireJob> {
  const found = await findJob(deps, caller, id);
  if (found.stored) await end(deps, found.stored.head.id);
  return jobView(deps, found);
}

async function end(deps: GenerateDeps, id: string): Promise<void> {
  if ((await redisOrUnavailable(deps.store.outcomes([id]))).has(id)) return;
  // First the word that counts wherever the job is just now; then the quick ways.
  await redisOrUnavailable(deps.store.markCancelled(id));
  if (await redisOrUnavailable(removeWaiting(deps, id, CANCELLED))) await endAbandoned(deps, id, CANCELLED);
  else await redisOrUnavailable(broadcastCancellation(deps.redis, id));
}
