import { estimateCost } from '@llm-gateway/engine';
import { GatewayError, type GenerateRequest } from '@llm-gateway/shared';
import type { GenerateDeps } from './deps.js';
import type { Plan } from './plan.js';
import { Refusal } from './refusal.js';

/**
 * Puts a request on its way with its estimated cost set aside in its budgets. What a worker then finds it has really cost takes the place of
 * that; for a request that does not come to its job it is given back; and where nobody knows, it ends with the request's time.
 * @throws Refusal budget_exceeded; unavailable where hard budgets cannot be asked, with BudgetsUnavailable as its cause.
 */
export async function withinBudgets<T>(
  deps: Pick<GenerateDeps, 'budgets' | 'config' | 'logger'>,
  request: GenerateRequest,
  { head, candidates }: Plan,
  enter: () => Promise<T>,
): Promise<T> {
  const estimate = (): number => {
    const cost = estimateCost(deps.config.current(), candidates, request);
    if (cost === null)
      deps.logger.warn({ requestId: head.id, candidates }, 'no price is known: budgets do not hold this request back');
    return cost ?? 0;
  };
  await deps.budgets.reserve(head, estimate).catch((error: unknown) => {
    throw error instanceof GatewayError ? new Refusal(error) : error;
  });
  try {
    return await enter();
  } catch (error) {
    if (error instanceof Refusal) await deps.budgets.release(head).catch(() => undefined);
    throw error;
  }
}
