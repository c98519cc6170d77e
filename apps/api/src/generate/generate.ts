/**
 * One generate call: plan it (candidates, cache key, deadline) → the first result of its idempotency key → the cache → share
 * the call of an identical request, or enqueue its own → wait for the reply.
 */
import { canonicalHash, GatewayError, newRequestId, type GenerateRequest } from '@llm-gateway/shared';
import { outcomeError, type IdempotencyRecord, type Outcome } from '@llm-gateway/queue';
import { sharedAnswer, type Answer, type Queued } from './answer.js';
import { awaitOutcome, CallerGone } from './await-outcome.js';
import type { GenerateCaller, GenerateDeps } from './deps.js';
import { enqueue, enqueueUnlessFull } from './enqueue.js';
import { plan, type Plan } from './plan.js';
import { recordRefused, recordShared } from './record.js';

export interface Call {
  caller: GenerateCaller;
  request: GenerateRequest;
  idempotencyKey: string | null;
  isAsync: boolean;
  /** Aborts when the caller hangs up. */
  signal: AbortSignal;
}

/** @throws GatewayError as the contract's table of errors says; CallerGone when there is nobody left to answer. */
export async function generate(deps: GenerateDeps, call: Call): Promise<Answer | Queued> {
  const planned = planOrRefuse(deps, call);
  const { idempotencyKey } = call;
  if (idempotencyKey === null) return answerOrRecord(deps, planned, () => fresh(deps, call, planned));

  const hash = canonicalHash({ service: planned.head.service, idempotencyKey });
  const record: IdempotencyRecord = { requestId: planned.head.id, bodyHash: canonicalHash(call.request) };
  const first = await unlessRedisIsDown(deps.flights.claimIdempotencyKey(hash, record));
  if (first) return repeat(deps, call, planned, { first, bodyHash: record.bodyHash });
  try {
    return await answerOrRecord(deps, planned, () => fresh(deps, call, planned));
  } catch (error) {
    // Nothing was executed under this key, so the caller may try again with it.
    if (error instanceof Refusal) await deps.flights.releaseIdempotencyKey(hash, record).catch(() => undefined);
    throw error;
  }
}

/** A request that was turned away before it had a job: it is this process that writes its row. */
class Refusal extends GatewayError {
  constructor(error: GatewayError) {
    super(error.code, error.message, { details: error.details, retryAfterMs: error.retryAfterMs, cause: error });
  }
}

function planOrRefuse(deps: GenerateDeps, { caller, request, isAsync, idempotencyKey }: Call): Plan {
  if (!deps.config.loaded) throw new GatewayError('unavailable', 'the configuration is not loaded yet', { retryAfterMs: 2_000 });
  const { apiId, cacheTtlSeconds } = deps;
  const options = { requestId: newRequestId(), apiId, isAsync, hasIdempotencyKey: idempotencyKey !== null, cacheTtlSeconds };
  return plan(deps.config.current(), caller, request, options);
}

async function answerOrRecord<T>(deps: GenerateDeps, { head }: Plan, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal) recordRefused(deps, head, error, head.cacheStatus);
    throw error;
  }
}

async function fresh(deps: GenerateDeps, call: Call, planned: Plan): Promise<Answer | Queued> {
  const hit = planned.cacheHash === null ? null : await lookUp(deps, planned.cacheHash);
  if (hit) return fromCache(deps, call, planned, hit);
  if (call.request.cache?.mode === 'only')
    throw new Refusal(new GatewayError('not_found', 'the cache has no answer to this request'));
  if (call.isAsync) return queue(deps, call, planned);
  if (planned.flight === null) return own(deps, call, planned);
  return shareOrLead(deps, call, planned, planned.flight);
}

const lookUp = (deps: GenerateDeps, hash: string) =>
  deps.cache.get(hash).catch((error: unknown) => {
    deps.logger.debug({ err: error }, 'the cache cannot be read, going on without');
    return null;
  });

async function fromCache(
  deps: GenerateDeps,
  call: Call,
  { head }: Plan,
  hit: NonNullable<Awaited<ReturnType<typeof lookUp>>>,
): Promise<Answer | Queued> {
  const result = sharedAnswer(hit.result, { id: head.id, createdAt: head.createdAt, cached: true });
  recordShared(deps, head, hit, 'HIT');
  if (call.isAsync || call.idempotencyKey !== null) {
    const timings = { queueMs: 0, limiterMs: 0, providerMs: 0 };
    const outcome: Outcome = { status: 'ok', result, costNanoUsd: 0, finishedAt: Date.now(), timings };
    await unlessRedisIsDown(
      Promise.all([deps.store.admit(head), deps.store.storeOutcome(head.id, outcome, head.resultTtlSeconds)]),
    );
  }
  if (call.isAsync) return { kind: 'queued', id: head.id, status: 'completed', position: null };
  return { kind: 'answer', result, cacheStatus: 'HIT', timings: null, replayed: false };
}

/** The request's own provider call. */
async function own(deps: GenerateDeps, call: Call, planned: Plan): Promise<Answer> {
  const { head } = planned;
  const pending = deps.replies.wait(head.id);
  try {
    await refuseOnError(enqueueUnlessFull(deps, call.request, planned));
  } catch (error) {
    pending.stop();
    throw error;
  }
  const cancellable = call.idempotencyKey === null;
  const wait = { requestId: head.id, deadline: head.deadline, signal: call.signal, cancellable, owns: true };
  const outcome = await awaitOutcome(deps, wait, pending);
  return ownAnswer(outcome, planned);
}

function ownAnswer(outcome: Outcome, { head }: Plan): Answer {
  if (outcome.status === 'error') throw outcomeError(outcome);
  const cacheStatus = outcome.result.cached ? 'STALE' : head.cacheStatus;
  return { kind: 'answer', result: outcome.result, cacheStatus, timings: outcome.timings, replayed: false };
}

/** Identical requests on any replica: one of them makes the call, all of them get its answer. */
async function shareOrLead(deps: GenerateDeps, call: Call, planned: Plan, flight: string): Promise<Answer | Queued> {
  const { head } = planned;
  for (;;) {
    const remainingMs = Math.max(1, head.deadline - Date.now());
    // Asked in this order on one connection: whoever finds the flight free finds the answer of the last one in the cache.
    const [leader, hit] = await Promise.all([
      refuseOnError(unlessRedisIsDown(deps.flights.lead(flight, head.id, remainingMs))),
      planned.cacheHash === null ? null : lookUp(deps, planned.cacheHash),
    ]);
    if (hit) {
      if (leader === head.id) await deps.flights.release(flight, head.id).catch(() => undefined);
      return fromCache(deps, call, planned, hit);
    }
    if (leader === head.id) return lead(deps, call, planned, flight);
    const answer = await follow(deps, call, planned, { flight, leader });
    if (answer) return answer;
  }
}

async function lead(deps: GenerateDeps, call: Call, planned: Plan, flight: string): Promise<Answer> {
  try {
    return await own(deps, call, planned);
  } catch (error) {
    if (error instanceof Refusal) await deps.flights.release(flight, planned.head.id).catch(() => undefined);
    throw error;
  }
}

/** @returns null when the leader ended in a way that says nothing about this request: then there is a new flight. */
async function follow(
  deps: GenerateDeps,
  call: Call,
  planned: Plan,
  { flight, leader }: { flight: string; leader: string },
): Promise<Answer | null> {
  const { head } = planned;
  const outcome = await joinRequest(deps, call, planned, leader).catch((error: unknown) => {
    // The leader's row is another request's: a follower that hears no outcome writes its own.
    if (!(error instanceof Refusal)) recordRefused(deps, { ...head, relatedTo: leader }, asGatewayError(error), 'COALESCED');
    throw error;
  });
  if (outcome.status === 'ok') {
    const result = sharedAnswer(outcome.result, { id: head.id, createdAt: head.createdAt, cached: false });
    recordShared(deps, { ...head, relatedTo: leader }, outcome, 'COALESCED');
    return { kind: 'answer', result, cacheStatus: 'COALESCED', timings: outcome.timings, replayed: false };
  }
  const leadersOwnFault = ['timeout', 'cancelled', 'rate_limited', 'internal'].includes(outcome.error.code);
  if (leadersOwnFault && head.deadline - Date.now() > 100) {
    await deps.flights.release(flight, leader).catch(() => undefined);
    return null;
  }
  const error = outcomeError(outcome);
  recordRefused(deps, { ...head, relatedTo: leader }, error, 'COALESCED');
  throw error;
}

/** Waits for a request that somebody else began. Where it never got its job, because its API process died, it gets it now. */
async function joinRequest(deps: GenerateDeps, call: Call, planned: Plan, requestId: string): Promise<Outcome> {
  const pending = deps.replies.wait(requestId);
  try {
    const joined = await refuseOnError(unlessRedisIsDown(deps.store.join(requestId, deps.apiId)));
    if (typeof joined === 'object') return joined;
    if (joined === 'unknown') {
      // Under the same id, so it makes no difference if the first one is merely slow.
      await refuseOnError(enqueue(deps, call.request, { ...planned, head: { ...planned.head, id: requestId } }));
    }
    const cancellable = call.idempotencyKey === null;
    const wait = { requestId, deadline: planned.head.deadline, signal: call.signal, cancellable, owns: false };
    return await awaitOutcome(deps, wait, pending);
  } finally {
    pending.stop();
  }
}

interface Repeat {
  first: IdempotencyRecord;
  bodyHash: string;
}

/** An idempotency key that was used before: its first result, or a seat beside those who wait for it. */
async function repeat(deps: GenerateDeps, call: Call, planned: Plan, { first, bodyHash }: Repeat): Promise<Answer | Queued> {
  if (first.bodyHash !== bodyHash) {
    throw new GatewayError('idempotency_conflict', 'this Idempotency-Key was used with another body in the last 24 hours');
  }
  if (call.isAsync) return { kind: 'queued', id: first.requestId, status: 'queued', position: null };
  const outcome = await joinRequest(deps, call, planned, first.requestId);
  if (outcome.status === 'error') throw outcomeError(outcome);
  return { kind: 'answer', result: outcome.result, cacheStatus: 'COALESCED', timings: outcome.timings, replayed: true };
}

async function queue(deps: GenerateDeps, call: Call, planned: Plan): Promise<Queued> {
  const provider = await refuseOnError(enqueueUnlessFull(deps, call.request, planned));
  const position = await deps.belt.position(provider, planned.head.id, 0).catch(() => null);
  return { kind: 'queued', id: planned.head.id, status: 'queued', position };
}

const asGatewayError = (error: unknown): GatewayError =>
  error instanceof GatewayError
    ? error
    : new GatewayError(error instanceof CallerGone ? 'cancelled' : 'internal', 'no outcome was heard');

async function unlessRedisIsDown<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw new GatewayError('unavailable', 'the queue cannot be reached, try again', { retryAfterMs: 1_000, cause: error });
  }
}

async function refuseOnError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof GatewayError ? new Refusal(error) : error;
  }
}
