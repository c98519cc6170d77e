/**
 * One generate call: plan it (candidates, cache key, deadline) → the first result of its idempotency key → the cache → share
 * the call of an identical request, or enqueue its own → wait for the reply. With Redis away: carry it out here (direct mode).
 */
import { GatewayError, RETRY_AFTER_MS } from '@llm-gateway/shared';
import { directly, refusePromises } from '../direct/directly.js';
import type { Answer, Queued } from './answer.js';
import type { Call } from './call.js';
import type { GenerateDeps } from './deps.js';
import { fromCache, lookUp } from './from-cache.js';
import { onceForKey } from './idempotency.js';
import { ownCall, queueCall } from './own-call.js';
import { plan, type Plan } from './plan.js';
import { recordTurnedAway } from './record.js';
import { NotQueued, Refusal } from './refusal.js';
import { shareOrLead } from './share.js';

/** @throws GatewayError as the contract's table of errors says; CallerGone when there is nobody left to answer. */
export async function generate(deps: GenerateDeps, call: Call): Promise<Answer | Queued> {
  const planned = planCall(deps, call);
  const work = () => carryOut(deps, call, planned);
  if (call.idempotencyKey === null || !deps.pulse.isUp) return work();
  return onceForKey(deps, call, planned, { key: call.idempotencyKey, work });
}

/** A planned call, as if it were the first with its idempotency key. @throws as {@link generate}; a refusal has its row by then. */
export async function carryOut(deps: GenerateDeps, call: Call, planned: Plan): Promise<Answer | Queued> {
  try {
    return await answer(deps, call, planned);
  } catch (error) {
    if (error instanceof Refusal) recordTurnedAway(deps, planned.head, error, planned.head.cacheStatus);
    throw error;
  }
}

async function answer(deps: GenerateDeps, call: Call, planned: Plan): Promise<Answer | Queued> {
  if (!deps.pulse.isUp) refusePromises(deps, call);
  const hit = planned.cacheHash === null ? null : await lookUp(deps, planned.cacheHash);
  if (hit) return fromCache(deps, call, planned, hit);
  if (call.request.cache?.mode === 'only') throw cacheHasNone(deps);
  if (!deps.pulse.isUp) return directly(deps, call, planned);
  try {
    return await throughTheQueue(deps, call, planned);
  } catch (error) {
    // Redis went away before anything of the request was in it.
    if (error instanceof NotQueued) return directly(deps, call, planned);
    throw error;
  }
}

async function throughTheQueue(deps: GenerateDeps, call: Call, planned: Plan): Promise<Answer | Queued> {
  if (call.isAsync) return queueCall(deps, call, planned);
  return planned.flight === null ? ownCall(deps, call, planned) : shareOrLead(deps, call, planned, planned.flight());
}

function cacheHasNone({ cachePulse }: GenerateDeps): Refusal {
  if (cachePulse.canRead) return new Refusal(new GatewayError('not_found', 'the cache has no answer to this request'));
  return new Refusal(new GatewayError('unavailable', 'the cache cannot be read, try again', { retryAfterMs: RETRY_AFTER_MS }));
}

function planCall(deps: GenerateDeps, { id, caller, request, isAsync, idempotencyKey }: Call): Plan {
  if (!deps.config.loaded)
    throw new GatewayError('unavailable', 'the configuration is not loaded yet', { retryAfterMs: RETRY_AFTER_MS });
  const { apiId, cacheTtlSeconds } = deps;
  const options = { requestId: id, apiId, isAsync, hasIdempotencyKey: idempotencyKey !== null, cacheTtlSeconds };
  return plan(deps.config.current(), caller, request, options);
}
