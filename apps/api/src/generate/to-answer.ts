import { outcomeError, type Outcome, type RequestHead } from '@llm-gateway/queue';
import type { Answer } from './answer.js';

/** The outcome of a request's own call. @throws GatewayError for one that failed. */
export function toAnswer(outcome: Outcome, { cacheStatus }: Pick<RequestHead, 'cacheStatus'>): Answer {
  if (outcome.status === 'error') throw outcomeError(outcome);
  const { result, timings } = outcome;
  return { kind: 'answer', result, cacheStatus: result.cached ? 'STALE' : cacheStatus, timings, replayed: false };
}
