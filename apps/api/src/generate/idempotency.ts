/** `Idempotency-Key`: the same key and body within 24 h get the first result, or a seat beside those who wait for it. */
import { outcomeError, type IdempotencyRecord } from '@llm-gateway/queue';
import { canonicalHash, GatewayError, requestTime } from '@llm-gateway/shared';
import type { Answer, Queued } from './answer.js';
import type { Call } from './call.js';
import type { GenerateDeps } from './deps.js';
import { isRegistered, joinRequest } from './join.js';
import { ownCall, queueCall } from './own-call.js';
import type { Plan } from './plan.js';
import { redisOrUnavailable, Refusal } from './refusal.js';
import { shareOrLead } from './share.js';

export interface Once {
  key: string;
  /** Carries the request out, if it is the first with this key. */
  work: () => Promise<Answer | Queued>;
}

export async function onceForKey(deps: GenerateDeps, call: Call, planned: Plan, { key, work }: Once): Promise<Answer | Queued> {
  // One customer's token finds nothing of another's.
  const { customerId } = call.caller;
  const hash = canonicalHash({ service: planned.head.service, key, ...(customerId && { customerId }) });
  const record: IdempotencyRecord = { requestId: planned.head.id, bodyHash: canonicalHash(call.request) };
  const first = await redisOrUnavailable(deps.flights.claimIdempotencyKey(hash, record));
  if (first) return repeat(deps, call, planned, { first, bodyHash: record.bodyHash });
  try {
    return await work();
  } catch (error) {
    // Nothing was executed under this key, so the caller may try again with it.
    if (error instanceof Refusal) await deps.flights.releaseIdempotencyKey(hash, record).catch(() => undefined);
    throw error;
  }
}

interface Repeat {
  first: IdempotencyRecord;
  bodyHash: string;
}

async function repeat(deps: GenerateDeps, call: Call, planned: Plan, { first, bodyHash }: Repeat): Promise<Answer | Queued> {
  if (first.bodyHash !== bodyHash) {
    throw new GatewayError('idempotency_conflict', 'this Idempotency-Key was used with another body in the last 24 hours');
  }
  const { requestId } = first;
  // Its row is the first's too: one for each id, and an id has one time.
  const asFirst = { ...planned, head: { ...planned.head, id: requestId, createdAt: requestTime(requestId) } };
  if (call.isAsync) {
    if (!(await isRegistered(deps, first, planned.head.deadline))) return queueCall(deps, call, asFirst);
    const ended = (await redisOrUnavailable(deps.store.outcomes([first.requestId]))).has(first.requestId);
    return { kind: 'queued', id: first.requestId, status: ended ? 'completed' : 'queued', position: null };
  }
  const outcome = await joinRequest(deps, call, planned, { requestId: first.requestId });
  // The first never got its job: this one carries it out, under the first's id, so that there can be no second.
  if (outcome === 'unknown') return anew(deps, call, asFirst);
  if (outcome.status === 'error') throw outcomeError(outcome);
  return { kind: 'answer', result: outcome.result, cacheStatus: 'COALESCED', timings: outcome.timings, replayed: true };
}

/** Its answer may be there, or under way, by another's call: the first may have been one who shared it. */
async function anew(deps: GenerateDeps, call: Call, asFirst: Plan): Promise<Answer | Queued> {
  return asFirst.flight === null ? ownCall(deps, call, asFirst) : shareOrLead(deps, call, asFirst, asFirst.flight());
}
