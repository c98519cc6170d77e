/** A request of the time without Redis: carried out here, where that can be done as the contract says. */
import type { GenerateJobPayload } from '@llm-gateway/queue';
import { BudgetsUnavailable } from '@llm-gateway/engine';
import { GatewayError, RETRY_AFTER_MS } from '@llm-gateway/shared';
import type { Answer } from '../generate/answer.js';
import { CallerGone } from '../generate/await-outcome.js';
import type { Call } from '../generate/call.js';
import type { GenerateDeps } from '../generate/deps.js';
import type { Plan } from '../generate/plan.js';
import { Refusal } from '../generate/refusal.js';
import { toAnswer } from '../generate/to-answer.js';

const unavailable = (message: string): Refusal =>
  new Refusal(new GatewayError('unavailable', message, { retryAfterMs: RETRY_AFTER_MS }));

/**
 * What is promised about a request beyond its answer stands in Redis: that it will be carried out although nobody waits for it, and
 * that its key will never cause a second call. Neither can be promised from memory. @throws Refusal unavailable.
 */
export function refusePromises({ direct }: GenerateDeps, { isAsync, idempotencyKey, markDirect }: Call): void {
  if (!isAsync && idempotencyKey === null) return;
  if (!direct.isOff) markDirect();
  const [promise, without] = isAsync
    ? ['nothing can be accepted for later', 'synchronously']
    : ['an Idempotency-Key cannot be honoured', 'without one'];
  throw unavailable(`the queue cannot be reached, and without it ${promise}: try again, or ask ${without}`);
}

/** @throws Refusal unavailable, with Retry-After; GatewayError as the outcome says; CallerGone. */
export async function directly(deps: GenerateDeps, call: Call, { head, candidates }: Plan): Promise<Answer> {
  const { direct, budgets } = deps;
  if (direct.isOff) throw unavailable('the queue cannot be reached, try again');
  call.markDirect();
  refusePromises(deps, call);
  if (budgets.isHardLimited(head)) throw new Refusal(new BudgetsUnavailable(null));
  const place = direct.enter(head.id);
  if (!place)
    throw unavailable('the queue cannot be reached, and this replica carries out as many requests as it may: try again');
  // Its flight is for those who find it in Redis.
  const alone = { ...head, flight: null };
  const payload: GenerateJobPayload = { v: 1, head: alone, request: call.request, candidates, hop: 0 };
  const outcome = await direct.alone({ payload, place, signal: call.signal });
  if (call.signal.aborted) throw new CallerGone();
  return toAnswer(outcome, head);
}
