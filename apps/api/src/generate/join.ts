import { setTimeout as sleep } from 'node:timers/promises';
import { isReplicaAlive, type Outcome } from '@llm-gateway/queue';
import { GatewayError } from '@llm-gateway/shared';
import { awaitOutcome } from './await-outcome.js';
import type { Call } from './call.js';
import type { GenerateDeps } from './deps.js';
import type { Plan } from './plan.js';
import { redisOrUnavailable } from './refusal.js';

/** A request is known a moment after its flight or key is taken. Longer than its API process may wait for Redis in between. */
const REGISTRATION_MS = 3_000;
const LOOK_AGAIN_MS = 50;

/** A request that somebody else began, and the flight in which it was found. */
export interface Joined {
  requestId: string;
  flight?: string | undefined;
}

/**
 * Waits for a request that somebody else began.
 * @returns its outcome; or `unknown` when it never got its job, because its API process died or lost Redis before. Making its job then is
 * harmless even where another process does the same: its id follows from the request.
 */
export async function joinRequest(
  deps: GenerateDeps,
  call: Call,
  planned: Plan,
  { requestId, flight }: Joined,
): Promise<Outcome | 'unknown'> {
  const pending = deps.replies.wait(requestId);
  const over = new AbortController();
  try {
    const joined = await redisOrUnavailable(deps.store.join(requestId, deps.apiId));
    if (typeof joined === 'object') return joined;
    if (joined === 'unknown' && !(await isRegistered(deps, { requestId, flight }, planned.head.deadline))) return 'unknown';
    const wait = { requestId, deadline: planned.head.deadline, signal: call.signal, owns: false };
    return await awaitOutcome(deps, wait, Promise.race([pending.outcome, jobMissing(deps, requestId, over.signal)]));
  } finally {
    over.abort();
    pending.stop();
  }
}

/**
 * Registering a request and enqueuing its job are two steps: an API process that dies in between leaves a request that everybody knows and
 * nobody carries out. @returns `unknown` once that is found out; never where the job is there.
 */
async function jobMissing(deps: GenerateDeps, requestId: string, over: AbortSignal): Promise<'unknown'> {
  for (let missing: boolean | null = null; missing !== false;) {
    // Rejects when the wait is over, and then nobody listens any more.
    await sleep(REGISTRATION_MS, undefined, { signal: over });
    missing = await hasNoJob(deps, requestId).catch(() => null);
    if (missing) return 'unknown';
  }
  return new Promise<never>(() => undefined);
}

/** Once an attempt was opened, or the request has moved to another lane, there was a job: then it is not for us to make another. */
async function hasNoJob(deps: GenerateDeps, requestId: string): Promise<boolean> {
  const stored = await deps.store.read(requestId);
  const [lane] = stored?.head.lanes ?? [];
  if (!stored || lane === undefined || stored.hop > 0 || stored.attempts.length > 0) return false;
  if (stored.here !== null && (await isReplicaAlive(deps.redis, stored.here))) return false;
  // It shares another's call, which is its own as long as that is under way.
  if (stored.follows !== null && !(await isOver(deps, stored.follows))) return false;
  if ((await deps.belt.state(lane, requestId, 0)) !== 'gone') return false;
  return (await deps.replies.lastLook(requestId)) === null;
}

async function isOver(deps: GenerateDeps, requestId: string): Promise<boolean> {
  if ((await deps.replies.lastLook(requestId)) !== null || !(await deps.store.isKnown(requestId))) return true;
  return hasNoJob(deps, requestId);
}

/**
 * Gives whoever takes a request's flight or key the time to register it. @returns whether that happened.
 * @throws GatewayError timeout when the caller's own deadline (epoch ms) comes first.
 */
export async function isRegistered(deps: GenerateDeps, { requestId, flight }: Joined, deadline: number): Promise<boolean> {
  for (const end = Date.now() + REGISTRATION_MS; Date.now() < end; await sleep(LOOK_AGAIN_MS)) {
    if (await redisOrUnavailable(deps.store.isKnown(requestId))) return true;
    // A leader that was turned away gives up its flight and is never registered: who follows need not wait for it.
    if (flight !== undefined && !(await redisOrUnavailable(deps.flights.leads(flight, requestId)))) return false;
    if (Date.now() >= deadline) throw new GatewayError('timeout', "the request's deadline passed");
  }
  return false;
}
