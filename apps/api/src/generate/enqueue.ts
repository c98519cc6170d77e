/** Onto the belt: the first candidate whose lane has room and workers. */
import type { GenerateJobPayload } from '@llm-gateway/queue';
import { GatewayError, type GenerateRequest } from '@llm-gateway/shared';
import type { GenerateDeps } from './deps.js';
import type { Plan } from './plan.js';
import { redisOrUnavailable, Refusal } from './refusal.js';

const RETRY_AFTER_MS = 1_000;

/**
 * Registers the request and puts its job on its queue, side by side: either may come first, and a repeat changes nothing.
 * @throws GatewayError unavailable, after which nobody knows whether the job is there: no {@link Refusal}, so neither the
 * request's idempotency key nor its flight is given up.
 */
async function enqueue(deps: GenerateDeps, request: GenerateRequest, { head, candidates }: Plan): Promise<void> {
  const payload: GenerateJobPayload = { v: 1, head, request, candidates, hop: 0 };
  const results = await Promise.allSettled([deps.store.admit(head), deps.belt.enqueue(payload)]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) {
    const options = { retryAfterMs: RETRY_AFTER_MS, cause: failed.reason as unknown };
    throw new GatewayError('unavailable', 'the request could not be queued, try again', options);
  }
}

/** @returns the provider on whose queue the request is. @throws Refusal queue_full; unavailable where no worker serves any lane. */
export async function enqueueUnlessFull(deps: GenerateDeps, request: GenerateRequest, planned: Plan): Promise<string> {
  const served = planned.candidates.filter(({ provider }) => !deps.lanes.isDeserted(provider));
  if (served.length === 0) {
    const options = { retryAfterMs: 5_000 };
    throw new Refusal(new GatewayError('unavailable', 'no worker serves the providers of this request', options));
  }
  for (const [index, { provider }] of served.entries()) {
    const candidates = served.slice(index);
    const onThisLane = { ...planned, candidates, head: { ...planned.head, lanes: candidates.map((lane) => lane.provider) } };
    if (await redisOrUnavailable(deps.belt.enterIfRoom(provider, deps.queueMaxDepth, () => enqueue(deps, request, onThisLane))))
      return provider;
  }
  const message = `the queue of ${served.map(({ provider }) => provider).join(', ')} is full (${deps.queueMaxDepth} requests wait)`;
  throw new Refusal(new GatewayError('queue_full', message, { retryAfterMs: RETRY_AFTER_MS }));
}
