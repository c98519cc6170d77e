import type { CacheEntry, Outcome } from '@llm-gateway/queue';
import { sharedAnswer, type Answer, type Queued } from './answer.js';
import type { Call } from './call.js';
import type { GenerateDeps } from './deps.js';
import type { Plan } from './plan.js';
import { recordShared } from './record.js';
import { redisOrUnavailable } from './refusal.js';

/** @returns null for a miss, and where the cache cannot be read: it makes calls cheaper, it must not make them fail. */
export async function lookUp(deps: GenerateDeps, hash: string): Promise<CacheEntry | null> {
  if (!deps.cachePulse.canRead) return null;
  return deps.cache.get(hash).catch((error: unknown) => {
    deps.cachePulse.noteSilence(error);
    deps.logger.debug({ err: error }, 'the cache cannot be read, going on without');
    return null;
  });
}

/** Answers from the cache. Where somebody may come back for the result by id or key, it is kept as if a job had made it. */
export async function fromCache(deps: GenerateDeps, call: Call, { head }: Plan, hit: CacheEntry): Promise<Answer | Queued> {
  const result = sharedAnswer(hit.result, { id: head.id, createdAt: head.createdAt, cached: true });
  if (call.isAsync || call.idempotencyKey !== null) {
    const timings = { queueMs: 0, limiterMs: 0, providerMs: 0 };
    const outcome: Outcome = { status: 'ok', result, costNanoUsd: 0, finishedAt: Date.now(), timings };
    await redisOrUnavailable(deps.store.admit(head));
    await redisOrUnavailable(deps.store.storeOutcome(head.id, outcome, head.resultTtlSeconds));
  }
  recordShared(deps, head, hit, 'HIT');
  if (call.isAsync) return { kind: 'queued', id: head.id, status: 'completed', position: null };
  return { kind: 'answer', result, cacheStatus: 'HIT', timings: null, replayed: false };
}
