import { recordDeeds, type ActingDb } from '@llm-gateway/db';
import type { JobRef } from '@llm-gateway/queue';
import { GatewayError, newRequestId, requestTime } from '@llm-gateway/shared';
import type { Caller } from '../auth/caller.js';
import type { Queued } from '../generate/answer.js';
import type { GenerateDeps } from '../generate/deps.js';
import { carryOut } from '../generate/generate.js';
import { onceForKey } from '../generate/idempotency.js';
import { redisOrUnavailable, Refusal } from '../generate/refusal.js';
import { findJob } from './find.js';
import { planReplay, type PlannedReplay } from './replay-call.js';
import type { ReplayOrder } from './wire.js';

/** Whoever has claimed a job for replay has queued it by then, or its process has died over it. */
const CLAIM_GRACE_MS = 60_000;
/** What a replay leaves in Redis is kept for a day at least. Of a claim half as old nobody can soon tell any more: it counts as carried out. */
const TELLTALE_MS = 43_200_000;

export interface Replay {
  order: ReplayOrder;
  idempotencyKey?: string | null;
  /** Aborts when the caller hangs up. */
  signal: AbortSignal;
}

/**
 * Runs a finished job again, elsewhere if asked, as a request of its own under all limits and budgets. Every call is a new run, unless it
 * has the idempotency key of an earlier one. @param acting who goes on record.
 * @throws GatewayError not_found where the job's prompt is not kept (any more); conflict while it has not ended; else as `generate` does.
 */
export async function replayJob(
  deps: GenerateDeps,
  caller: Caller,
  acting: ActingDb,
  { id, ...replay }: Replay & { id: string },
): Promise<Queued> {
  const { kept } = await findJob(deps, caller, id);
  if (!kept) throw notKept(id);
  if (kept.shelf === 'queued' || kept.shelf === 'active') {
    throw new GatewayError('conflict', 'the job has not ended yet: cancel it first, or wait for its end');
  }
  const planned = await planFor(deps, kept, newRequestId(), replay);
  const work = async () => {
    const after = { replay: planned.planned.head.id, ...replay.order };
    await recordDeeds(acting, [{ action: 'job.replay', target: 'job', targetId: id, before: null, after }]);
    return claimAndRun(deps, kept, planned);
  };
  if (!replay.idempotencyKey) return work();
  const key = `replay:${id}:${replay.idempotencyKey}`;
  return (await onceForKey(deps, planned.call, planned.planned, { key, work })) as Queued;
}

/**
 * Runs a job again that has not been run again yet. However often and wherever this is asked, there is one replay.
 * @returns the new request's id; null where there is a replay already, or the job is gone. @throws as {@link replayJob}.
 */
export async function replayOnce(deps: GenerateDeps, ref: JobRef, replay: Replay & { again: boolean }): Promise<string | null> {
  const mine = newRequestId();
  const claim = await redisOrUnavailable(deps.kept.claimReplay(ref, mine, replay.again));
  if (!claim || claim.entered) return null;
  if (claim.id !== mine && !(await isForsaken(deps, ref, claim.id))) return null;
  // A claim whose process died goes on under its id, so that there can be no second.
  try {
    const planned = await planFor(deps, ref, claim.id, replay);
    await run(deps, ref, planned);
    return claim.id;
  } catch (error) {
    // Nobody knows whether a queue that failed has taken it: then the claim stays, and is looked at again.
    if (error instanceof Refusal || (error instanceof GatewayError && error.code !== 'unavailable'))
      await withdraw(deps, ref, claim.id);
    throw error;
  }
}

async function isForsaken(deps: GenerateDeps, ref: JobRef, replayId: string): Promise<boolean> {
  const age = Date.now() - requestTime(replayId);
  if (age < CLAIM_GRACE_MS) return false;
  if (age < TELLTALE_MS && !(await redisOrUnavailable(deps.store.isKnown(replayId)))) return true;
  await redisOrUnavailable(deps.kept.confirmReplay(ref, replayId));
  return false;
}

async function planFor(deps: GenerateDeps, ref: JobRef, replayId: string, { order, signal }: Replay): Promise<PlannedReplay> {
  const payload = await redisOrUnavailable(deps.kept.payload(ref));
  if (!payload) throw notKept(ref.requestId);
  return planReplay(deps, { ref, payload, replayId, signal }, order);
}

async function claimAndRun(deps: GenerateDeps, ref: JobRef, replay: PlannedReplay): Promise<Queued> {
  const { id } = replay.planned.head;
  await redisOrUnavailable(deps.kept.claimReplay(ref, id, true));
  try {
    return await run(deps, ref, replay);
  } catch (error) {
    if (error instanceof Refusal) await withdraw(deps, ref, id);
    throw error;
  }
}

async function run(deps: GenerateDeps, ref: JobRef, { call, planned }: PlannedReplay): Promise<Queued> {
  const queued = (await carryOut(deps, call, planned)) as Queued;
  // Should this fail, the claim is found, and its request known, by whoever asks next.
  await deps.kept.confirmReplay(ref, planned.head.id).catch(() => undefined);
  return queued;
}

const withdraw = (deps: GenerateDeps, ref: JobRef, replayId: string): Promise<void> =>
  deps.kept.withdrawReplay(ref, replayId).catch(() => undefined);

const notKept = (id: string): GatewayError =>
  new GatewayError('not_found', `what the job ${id.slice(0, 64)} was asked is not kept: it can be sent anew, not replayed`);
