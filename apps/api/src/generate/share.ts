/** Single flight: of identical requests on any replica one makes the provider call, and all of them get its answer. */
import { outcomeError, type Outcome, type QueueLook } from '@llm-gateway/queue';
import { GatewayError } from '@llm-gateway/shared';
import { sharedAnswer, type Answer, type Queued } from './answer.js';
import { CallerGone } from './await-outcome.js';
import type { Call } from './call.js';
import type { GenerateDeps } from './deps.js';
import { lookAhead } from './enqueue.js';
import { fromCache, lookUp } from './from-cache.js';
import { joinRequest } from './join.js';
import { ownCall } from './own-call.js';
import type { Plan } from './plan.js';
import { recordRefused, recordShared, recordTurnedAway } from './record.js';
import { redisOrNotQueued, redisOrUnavailable, Refusal } from './refusal.js';

/** Ends of a leader that say nothing about its followers: they have deadlines and callers of their own. */
const LEADERS_OWN_ENDS: ReadonlySet<string> = new Set(['timeout', 'cancelled', 'rate_limited', 'internal']);
/** With less time than this a new flight cannot end well. */
const SHORTEST_FLIGHT_MS = 100;

export async function shareOrLead(deps: GenerateDeps, call: Call, alone: Plan, flight: string): Promise<Answer | Queued> {
  const head = { ...alone.head, flight };
  const planned = { ...alone, head };
  for (;;) {
    const remainingMs = Math.max(1, head.deadline - Date.now());
    // Asked in this order on one connection: whoever finds the flight free finds the answer of the last one in the cache.
    const claimed = redisOrNotQueued(deps.flights.lead(flight, head.id, remainingMs));
    const looked = planned.cacheHash === null ? null : lookUp(deps, planned.cacheHash);
    // Most will lead: their queue is asked for in the same round trip.
    const ahead = lookAhead(deps, planned);
    const [leader, hit] = await Promise.all([claimed, looked]);
    if (hit) {
      if (leader === head.id) await deps.flights.release(flight, head.id).catch(() => undefined);
      return fromCache(deps, call, planned, hit);
    }
    if (leader === head.id) return lead(deps, call, planned, { flight, ahead });
    const answer = await follow(deps, call, planned, { flight, leader });
    if (answer) return answer;
  }
}

interface Lead {
  flight: string;
  ahead: QueueLook | null;
}

async function lead(deps: GenerateDeps, call: Call, planned: Plan, { flight, ahead }: Lead): Promise<Answer> {
  try {
    return await ownCall(deps, call, planned, ahead);
  } catch (error) {
    // Not waited for: a Redis that has just gone silent would hold up what is to be done instead.
    if (error instanceof Refusal) void deps.flights.release(flight, planned.head.id).catch(() => undefined);
    throw error;
  }
}

interface Leader {
  flight: string;
  leader: string;
}

/** @returns null when the leader ended in a way that says nothing about this request: then there is a new flight. */
async function follow(deps: GenerateDeps, call: Call, planned: Plan, { flight, leader }: Leader): Promise<Answer | null> {
  const asker = { ...planned.head, relatedTo: leader };
  // Whoever repeats this request's idempotency key meanwhile must find it, and wait for it.
  if (call.idempotencyKey !== null) await redisOrUnavailable(deps.store.admit(asker, leader));
  const outcome = await joinRequest(deps, call, planned, { requestId: leader, flight }).catch((error: unknown) => {
    // The leader's row is another request's: a follower that hears no outcome writes its own.
    recordTurnedAway(deps, asker, asGatewayError(error), 'COALESCED');
    throw error;
  });
  if (outcome === 'unknown') {
    await deps.flights.release(flight, leader).catch(() => undefined);
    return null;
  }
  if (outcome.status === 'ok') {
    const result = sharedAnswer(outcome.result, { id: asker.id, createdAt: asker.createdAt, cached: false });
    // First what is promised: a caller who is told that it failed must not find a row that says it went well.
    await keepForKey(deps, call, asker, { ...outcome, result, costNanoUsd: 0 });
    recordShared(deps, asker, outcome, 'COALESCED');
    return { kind: 'answer', result, cacheStatus: 'COALESCED', timings: outcome.timings, replayed: false };
  }
  if (LEADERS_OWN_ENDS.has(outcome.error.code) && asker.deadline - Date.now() > SHORTEST_FLIGHT_MS) {
    await deps.flights.release(flight, leader).catch(() => undefined);
    return null;
  }
  const error = outcomeError(outcome);
  await keepForKey(deps, call, asker, { ...outcome, id: asker.id, attempts: [] });
  recordRefused(deps, asker, error, 'COALESCED');
  throw error;
}

/** The result of an idempotency key is kept under the request that the key belongs to, whoever made the call. */
async function keepForKey(
  deps: GenerateDeps,
  { idempotencyKey }: Call,
  { id, resultTtlSeconds }: Plan['head'],
  outcome: Outcome,
): Promise<void> {
  if (idempotencyKey !== null) await redisOrUnavailable(deps.store.storeOutcome(id, outcome, resultTtlSeconds));
}

const asGatewayError = (error: unknown): GatewayError =>
  error instanceof GatewayError
    ? error
    : new GatewayError(error instanceof CallerGone ? 'cancelled' : 'internal', 'no outcome was heard');
