/** What the generate flow hands to the route: an answer, or the word that the work is queued. */
import type { OkOutcome } from '@llm-gateway/queue';
import type { CacheStatus, GenerateResult } from '@llm-gateway/shared';

export interface Answer {
  kind: 'answer';
  result: GenerateResult;
  cacheStatus: CacheStatus;
  timings: OkOutcome['timings'] | null;
  /** The first result of an idempotency key, given again. */
  replayed: boolean;
}

export interface Queued {
  kind: 'queued';
  id: string;
  status: 'queued' | 'completed';
  position: number | null;
}

/** An answer that another request paid for, as this request's own. */
export function sharedAnswer(result: GenerateResult, own: { id: string; createdAt: number; cached: boolean }): GenerateResult {
  return {
    ...result,
    id: own.id,
    cached: own.cached || result.cached,
    cost_usd: 0,
    latency_ms: Date.now() - own.createdAt,
    queue_ms: 0,
    attempts: [],
    warnings: result.warnings.filter((warning) => !warning.startsWith('cost_usd')),
  };
}
