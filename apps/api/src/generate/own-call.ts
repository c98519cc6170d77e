/** A request that makes its own provider call: enqueued, and waited for unless it is asynchronous. */
import { outcomeError, type Outcome } from '@llm-gateway/queue';
import type { Answer, Queued } from './answer.js';
import { awaitOutcome } from './await-outcome.js';
import type { Call } from './call.js';
import type { GenerateDeps } from './deps.js';
import { enqueueUnlessFull } from './enqueue.js';
import type { Plan } from './plan.js';
import { withinBudgets } from './within-budgets.js';

export async function ownCall(deps: GenerateDeps, call: Call, planned: Plan): Promise<Answer> {
  const { head } = planned;
  // Before it is enqueued: a reply may be faster than we are.
  const pending = deps.replies.wait(head.id);
  try {
    await withinBudgets(deps, call.request, planned, () => enqueueUnlessFull(deps, call.request, planned));
    const wait = { requestId: head.id, deadline: head.deadline, signal: call.signal, owns: true };
    return toAnswer(await awaitOutcome(deps, wait, pending.outcome), planned);
  } finally {
    pending.stop();
  }
}

function toAnswer(outcome: Outcome, { head }: Plan): Answer {
  if (outcome.status === 'error') throw outcomeError(outcome);
  const cacheStatus = outcome.result.cached ? 'STALE' : head.cacheStatus;
  return { kind: 'answer', result: outcome.result, cacheStatus, timings: outcome.timings, replayed: false };
}

export async function queueCall(deps: GenerateDeps, call: Call, planned: Plan): Promise<Queued> {
  const { id } = planned.head;
  const provider = await withinBudgets(deps, call.request, planned, () => enqueueUnlessFull(deps, call.request, planned));
  const position = await deps.belt.position(provider, id, 0).catch(() => null);
  return { kind: 'queued', id, status: 'queued', position };
}
