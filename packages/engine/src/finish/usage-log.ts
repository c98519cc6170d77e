/** The usage row of a request. */
import type { OkOutcome, Outcome, RequestHead } from '@llm-gateway/queue';
import {
  NO_TOKENS,
  type CacheStatus,
  type NanoUsd,
  type UsageAttempt,
  type UsageEvent,
  type UsageLog,
} from '@llm-gateway/shared';
import { costOf } from './outcome-of.js';

/** Who asks, as every row of theirs says it. */
export type Asker = Pick<RequestHead, 'id' | 'createdAt' | 'service' | 'customerId' | 'keyId' | 'metadata' | 'relatedTo'>;

/** What every row has in common, to be completed by how the request ended. */
function blankLog(asker: Asker): UsageLog {
  return {
    id: asker.id,
    createdAt: asker.createdAt,
    service: asker.service,
    customerId: asker.customerId,
    keyId: asker.keyId,
    provider: null,
    providerType: null,
    model: null,
    status: 'ok',
    errorCode: null,
    cacheStatus: 'MISS',
    finishReason: null,
    tokens: NO_TOKENS,
    costNanoUsd: 0,
    unpricedReason: null,
    savedNanoUsd: 0,
    latencyMs: Math.max(0, Date.now() - asker.createdAt),
    queueMs: 0,
    attemptCount: 0,
    clientGone: false,
    metadata: asker.metadata,
    relatedTo: asker.relatedTo,
  };
}

/** The event of a request that had a job: its row, and one for each of its provider calls. */
export function jobEvent(head: RequestHead, outcome: Outcome, attempts: UsageAttempt[], cacheStatus: CacheStatus): UsageEvent {
  const last = attempts.at(-1);
  const ok = outcome.status === 'ok';
  const log: UsageLog = {
    ...blankLog(head),
    provider: ok ? outcome.result.provider : (last?.provider ?? null),
    providerType: ok ? outcome.result.provider_type : (last?.providerType ?? null),
    model: ok ? outcome.result.model : (last?.model ?? null),
    status: ok ? 'ok' : outcome.error.code === 'cancelled' ? 'cancelled' : 'error',
    errorCode: ok ? null : outcome.error.code,
    cacheStatus,
    finishReason: ok ? outcome.result.finish_reason : null,
    tokens: last?.status === 'ok' ? last.tokens : NO_TOKENS,
    costNanoUsd: costOf(attempts),
    unpricedReason: attempts.find((attempt) => attempt.unpricedReason !== null)?.unpricedReason ?? null,
    queueMs: outcome.timings.queueMs,
    attemptCount: attempts.length,
  };
  return { v: 1, log, attempts };
}

/** The event of a request that was answered from the cache or by another request's call: it cost nothing, and saved something. */
export function sharedAnswerEvent(
  asker: Asker,
  shared: Pick<OkOutcome, 'result' | 'costNanoUsd'>,
  cacheStatus: CacheStatus,
): UsageEvent {
  const { provider, provider_type, model, finish_reason } = shared.result;
  const saved: NanoUsd = shared.costNanoUsd ?? 0;
  const log = {
    ...blankLog(asker),
    provider,
    providerType: provider_type,
    model,
    finishReason: finish_reason,
    cacheStatus,
    savedNanoUsd: saved,
  };
  return { v: 1, log, attempts: [] };
}

/** The event of a request that ended in an error without a provider call of its own. */
export function refusedEvent(asker: Asker, errorCode: string, cacheStatus: CacheStatus): UsageEvent {
  const status = errorCode === 'cancelled' ? 'cancelled' : 'error';
  return { v: 1, log: { ...blankLog(asker), status, errorCode, cacheStatus }, attempts: [] };
}
