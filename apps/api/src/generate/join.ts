import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '@llm-gateway/queue';
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
 * @returns its outcome; or `unknown` when it never got its job, because its API process died or lost Redis before.
 */
export async function joinRequest(
  deps: GenerateDeps,
  call: Call,
  planned: Plan,
  { requestId, flight }: Joined,
): Promise<Outcome | 'unknown'> {
  const pending = deps.replies.wait(requestId);
  try {
    const joined = await redisOrUnavailable(deps.store.join(requestId, deps.apiId));
    if (typeof joined === 'object') return joined;
    if (joined === 'unknown' && !(await isRegistered(deps, { requestId, flight }, planned.head.deadline))) return 'unknown';
    const wait = { requestId, deadline: planned.head.deadline, signal: call.signal, owns: false };
    return await awaitOutcome(deps, wait, pending.outcome);
  } finally {
    pending.stop();
  }
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
