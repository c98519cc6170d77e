import type { Outcome } from '@llm-gateway/queue';
import { awaitOutcome } from './await-outcome.js';
import type { Call } from './call.js';
import type { GenerateDeps } from './deps.js';
import { enqueue } from './enqueue.js';
import type { Plan } from './plan.js';
import { redisOrUnavailable, refuseOnError } from './refusal.js';

/** Waits for a request that somebody else began. Where it never got its job, because its API process died, it gets it now. */
export async function joinRequest(deps: GenerateDeps, call: Call, planned: Plan, requestId: string): Promise<Outcome> {
  const pending = deps.replies.wait(requestId);
  try {
    const joined = await refuseOnError(redisOrUnavailable(deps.store.join(requestId, deps.apiId)));
    if (typeof joined === 'object') return joined;
    if (joined === 'unknown') {
      // Under the same id, so it makes no difference if the first one is merely slow.
      await refuseOnError(enqueue(deps, call.request, { ...planned, head: { ...planned.head, id: requestId } }));
    }
    const cancellable = call.idempotencyKey === null;
    const wait = { requestId, deadline: planned.head.deadline, signal: call.signal, cancellable, owns: false };
    return await awaitOutcome(deps, wait, pending.outcome);
  } finally {
    pending.stop();
  }
}
