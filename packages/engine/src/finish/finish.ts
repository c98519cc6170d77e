/** Ending a request: exactly once, whoever does it. */
import type { GenerateJobPayload, OkOutcome, Outcome, RequestHead } from '@llm-gateway/queue';
import { nanoToUsd, type CacheStatus, type GenerateRequest, type ProviderConfig, type UsageAttempt } from '@llm-gateway/shared';
import { cacheKey } from '../cache-key.js';
import type { EngineDeps } from '../deps.js';
import { countAttempt } from '../metrics/attempt-metrics.js';
import { costOf, errorOutcome, timingsOf, wireAttempts, type Trouble } from './outcome-of.js';
import { jobEvent } from './usage-log.js';

type FinishDeps = Pick<EngineDeps, 'store' | 'flights' | 'cache' | 'cacheInOrder' | 'logger' | 'providers' | 'budgets'>;

export interface Ending {
  head: RequestHead;
  attempts: UsageAttempt[];
  outcome: Outcome;
  /** The attempt of this very process, which is worth a row even when somebody else ended the request first. */
  own: UsageAttempt | null;
  cacheStatus: CacheStatus;
  /** What and under whose name to keep in the cache; null: nothing. */
  keep: { hash: string; ttlSeconds: number } | null;
}

/**
 * The answer into the cache, then result + usage event + notices in one step, then the flight is free for the next. In this
 * order: whoever finds the flight free finds the answer in the cache.
 */
export async function finish(deps: FinishDeps, ending: Ending): Promise<boolean> {
  const { head, outcome, attempts, own, keep } = ending;
  const kept = keep && outcome.status === 'ok' ? keepAnswer(deps, outcome, keep) : Promise.resolve();
  if (!deps.cacheInOrder) await kept;
  // Before the end is known to anybody: should this process die in between, the money is counted, and the usage writer says it again.
  const settled = settleBudgets(deps, head, attempts);
  const ended = deps.store.finish({
    id: head.id,
    outcome,
    event: jobEvent(head, outcome, attempts, ending.cacheStatus),
    late: own ? { v: 1, log: null, attempts: [own] } : null,
    resultTtlSeconds: head.resultTtlSeconds,
    replyTo: head.replyTo,
  });
  const released = head.flight === null ? Promise.resolve() : deps.flights.release(head.flight, head.id);
  const [first] = await Promise.all([ended, kept, released, settled]);
  // Their own processes are gone: whoever ends the request counts them, once.
  if (first) for (const attempt of attempts) if (attempt.status === 'abandoned') countAttempt(attempt);
  return first;
}

/** An answer is not held up, or lost, for a budget that cannot be told of it: the usage writer tells it from the row. */
async function settleBudgets(deps: FinishDeps, head: RequestHead, attempts: readonly UsageAttempt[]): Promise<void> {
  const { id: requestId, createdAt, service, customerId } = head;
  // A call without a price must not hide what the others have cost.
  const costNanoUsd = attempts.reduce((sum, attempt) => sum + (attempt.costNanoUsd ?? 0), 0);
  try {
    await deps.budgets.settle('reckoned', [{ requestId, createdAt, service, customerId, costNanoUsd }]);
  } catch (error) {
    deps.logger.debug({ err: error, requestId }, 'budgets could not be told of a cost, the usage writer will');
  }
}

async function keepAnswer(deps: FinishDeps, outcome: OkOutcome, keep: NonNullable<Ending['keep']>): Promise<void> {
  try {
    await deps.cache.set(keep.hash, outcome.result, outcome.costNanoUsd, keep.ttlSeconds);
  } catch (error) {
    deps.logger.warn({ err: error }, 'answer could not be cached');
  }
}

/** @returns where the answer of `provider` may be kept; null for one that is truncated, filtered or not to be cached. */
export function keepFor(payload: GenerateJobPayload, provider: ProviderConfig, outcome: OkOutcome): Ending['keep'] {
  const { cache } = payload.head;
  if (!cache || outcome.result.finish_reason !== 'stop' || outcome.result.content === '') return null;
  const model = payload.candidates[payload.hop]?.model ?? outcome.result.model;
  return { hash: cacheKey({ ...provider, model }, payload.request, cache.scope), ttlSeconds: cache.ttlSeconds };
}

export interface FailedRequest {
  head: RequestHead;
  attempts: UsageAttempt[];
  own: UsageAttempt | null;
  trouble: Trouble;
  /** The request itself where it is at hand: an expired answer from the cache is better than none. */
  stale?: { request: GenerateRequest; candidates: GenerateJobPayload['candidates'] };
}

/** Ends a request without a fresh answer. @returns whether this ended it, not somebody before; and whether it was with an expired answer. */
export async function finishFailed(deps: FinishDeps, failed: FailedRequest): Promise<{ first: boolean; answered: boolean }> {
  const { head, attempts, own, trouble } = failed;
  const stale = failed.stale && trouble.code !== 'cancelled' ? await staleAnswer(deps, failed, failed.stale) : null;
  const outcome = stale ?? errorOutcome(head, attempts, trouble);
  const cacheStatus = stale ? 'STALE' : head.cacheStatus;
  return { first: await finish(deps, { head, attempts, outcome, own, cacheStatus, keep: null }), answered: stale !== null };
}

async function staleAnswer(
  deps: FinishDeps,
  { head, attempts, trouble }: FailedRequest,
  { request, candidates }: NonNullable<FailedRequest['stale']>,
): Promise<OkOutcome | null> {
  if (!head.cache || head.cacheStatus !== 'MISS') return null;
  for (const { provider, model } of candidates) {
    const config = deps.providers.get(provider)?.config;
    if (!config) continue;
    const entry = await deps.cache.getStale(cacheKey({ ...config, model }, request, head.cache.scope)).catch(() => null);
    if (!entry) continue;
    const now = Date.now();
    const costNanoUsd = costOf(attempts);
    const result = {
      ...entry.result,
      id: head.id,
      cached: true,
      cost_usd: costNanoUsd === null ? null : nanoToUsd(costNanoUsd),
      latency_ms: now - head.createdAt,
      queue_ms: timingsOf(head, attempts, now).queueMs,
      attempts: wireAttempts(attempts),
      warnings: [`an expired answer from the cache, because no provider could answer: ${trouble.message}`],
    };
    // Who shares it is spared the same calls, which gave no answer: no saving to be proud of.
    return { status: 'ok', result, costNanoUsd: 0, finishedAt: now, timings: timingsOf(head, attempts, now) };
  }
  return null;
}
