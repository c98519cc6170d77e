/** A request that makes its own provider call: enqueued, and waited for unless it is asynchronous. */
import { beginUnlessServed, beginWhenDeserted, type Here } from '../direct/in-their-place.js';
import type { QueueLook } from '@llm-gateway/queue';
import type { Answer, Queued } from './answer.js';
import { awaitOutcome } from './await-outcome.js';
import type { Call } from './call.js';
import type { GenerateDeps } from './deps.js';
import { enqueueUnlessFull } from './enqueue.js';
import type { Plan } from './plan.js';
import { toAnswer } from './to-answer.js';
import { withinBudgets } from './within-budgets.js';

/** @param ahead where its queue was asked for with something else. */
export async function ownCall(deps: GenerateDeps, call: Call, planned: Plan, ahead: QueueLook | null = null): Promise<Answer> {
  const { head } = planned;
  // Before it is enqueued: a reply may be faster than we are.
  const pending = deps.replies.wait(head.id);
  try {
    const here = await withinBudgets(deps, call.request, planned, () => enter(deps, call, planned, ahead));
    try {
      const wait = { requestId: head.id, deadline: head.deadline, signal: call.signal, owns: true };
      return toAnswer(await awaitOutcome(deps, wait, Promise.race([pending.outcome, here.outcome])), head);
    } finally {
      here.stop();
    }
  } finally {
    pending.stop();
  }
}

/** Onto its queue; or begun here at once where nobody takes from its queues. */
async function enter(deps: GenerateDeps, call: Call, planned: Plan, ahead: QueueLook | null): Promise<Here> {
  const here = await beginUnlessServed(deps, call, planned);
  if (here) return here;
  await enqueueUnlessFull(deps, call.request, planned, ahead);
  return beginWhenDeserted(deps, call, planned);
}

export async function queueCall(deps: GenerateDeps, call: Call, planned: Plan): Promise<Queued> {
  const { id } = planned.head;
  const provider = await withinBudgets(deps, call.request, planned, () => enqueueUnlessFull(deps, call.request, planned));
  const position = await deps.belt.position(provider, id, 0).catch(() => null);
  return { kind: 'queued', id, status: 'queued', position };
}
