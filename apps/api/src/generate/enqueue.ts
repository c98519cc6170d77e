/** Onto the belt: the first candidate whose lane has room and workers. */
import { setTimeout as sleep } from 'node:timers/promises';
import { wasNotCarriedOut, type GenerateJobPayload, type QueueLook } from '@llm-gateway/queue';
import { GatewayError, RETRY_AFTER_MS, type GenerateRequest } from '@llm-gateway/shared';
import type { GenerateDeps } from './deps.js';
import type { Plan } from './plan.js';
import { NotQueued, redisOrNotQueued, Refusal } from './refusal.js';

const TELL_AGAIN_MS = 250;

/**
 * Registers the request and puts its job on its queue, side by side: either may come first, and a repeat changes nothing.
 * @throws NotQueued where the job is not there for certain. GatewayError unavailable where nobody knows: the command may lie with
 * a Redis that is frozen, and be carried out when it wakes. Carrying the request out in another way could then call its provider
 * twice, so the caller is told to try again, and neither the request's idempotency key nor its flight is given up.
 */
async function enqueue(deps: GenerateDeps, request: GenerateRequest, { head, candidates }: Plan): Promise<void> {
  const payload: GenerateJobPayload = { v: 1, head, request, candidates, hop: 0 };
  const [registered, queued] = await Promise.allSettled([deps.store.admit(head), deps.belt.enqueue(payload)]);
  if (registered.status === 'fulfilled' && queued.status === 'fulfilled') return;
  const cause: unknown = queued.status === 'rejected' ? queued.reason : (registered as PromiseRejectedResult).reason;
  const error = new GatewayError('unavailable', 'the request could not be queued, try again', {
    retryAfterMs: RETRY_AFTER_MS,
    cause,
  });
  deps.pulse.noteSilence(cause);
  if (queued.status === 'rejected' && wasNotCarriedOut(queued.reason)) {
    // Registered all the same, perhaps: then it would be ended as one that nobody has ended, after it was carried out in another way.
    void deps.store.forgetUnfinished(head.id).catch(() => undefined);
    throw new NotQueued(error);
  }
  // Where somebody may come back for the result, by key or id, it is worth its call.
  if (head.cancellable) void cancelGhost(deps, head);
  throw error;
}

const servedOf = ({ lanes }: GenerateDeps, { candidates }: Plan): Plan['candidates'] =>
  candidates.filter(({ provider }) => !lanes.isDeserted(provider));

/** Asks ahead how full the queue is that the request would go on. */
export function lookAhead(deps: GenerateDeps, planned: Plan): QueueLook | null {
  const [first] = servedOf(deps, planned);
  return first ? deps.belt.look(first.provider) : null;
}

/**
 * @param ahead what {@link lookAhead} asked for this request.
 * @returns the provider on whose queue the request is. @throws Refusal queue_full; unavailable where no worker serves any lane.
 */
export async function enqueueUnlessFull(
  deps: GenerateDeps,
  request: GenerateRequest,
  planned: Plan,
  ahead: QueueLook | null = null,
): Promise<string> {
  const served = servedOf(deps, planned);
  if (served.length === 0) {
    const options = { retryAfterMs: 5_000 };
    throw new Refusal(new GatewayError('unavailable', 'no worker serves the providers of this request', options));
  }
  for (const [index, { provider }] of served.entries()) {
    const candidates = served.slice(index);
    const onThisLane = { ...planned, candidates, head: { ...planned.head, lanes: candidates.map((lane) => lane.provider) } };
    const look = ahead?.provider === provider ? ahead : deps.belt.look(provider);
    if (await redisOrNotQueued(deps.belt.enterIfRoom(look, deps.queueMaxDepth, () => enqueue(deps, request, onThisLane))))
      return provider;
  }
  const message = `the queue of ${served.map(({ provider }) => provider).join(', ')} is full (${deps.queueMaxDepth} requests wait)`;
  throw new Refusal(new GatewayError('queue_full', message, { retryAfterMs: RETRY_AFTER_MS }));
}

/** Nobody waits for this request any more. Should its job be there after all, its worker finds this word before it makes a call. */
async function cancelGhost({ store }: GenerateDeps, { id, deadline }: Plan['head']): Promise<void> {
  for (; Date.now() < deadline; await sleep(TELL_AGAIN_MS)) {
    const told = await store.markCancelled(id).then(
      () => true,
      () => false,
    );
    if (told) return;
  }
}
