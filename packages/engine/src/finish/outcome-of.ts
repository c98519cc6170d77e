/** From what happened to what the caller sees. */
import type { ErrorOutcome, OkOutcome, RequestHead } from '@llm-gateway/queue';
import {
  inputTokens,
  nanoToUsd,
  sumCosts,
  type ErrorCode,
  type FinishReason,
  type GenerateResult,
  type TokenBuckets,
  type UsageAttempt,
  type WireUsage,
} from '@llm-gateway/shared';

export function wireUsage(tokens: TokenBuckets): WireUsage {
  const input = inputTokens(tokens);
  return {
    input_tokens: input,
    cached_input_tokens: tokens.cacheRead,
    cache_write_tokens: tokens.cacheWrite + tokens.cacheWrite1h,
    output_tokens: tokens.output,
    reasoning_tokens: tokens.reasoning,
    total_tokens: input + tokens.output,
  };
}

export function wireAttempts(attempts: readonly UsageAttempt[]): GenerateResult['attempts'] {
  return attempts.map(({ provider, model, status, error, latencyMs }) => ({
    provider,
    model,
    status,
    ...(error === null ? {} : { error }),
    latency_ms: latencyMs,
  }));
}

export const costOf = (attempts: readonly UsageAttempt[]): number | null =>
  sumCosts(attempts.map((attempt) => attempt.costNanoUsd));

export interface Timings {
  queueMs: number;
  limiterMs: number;
  providerMs: number;
}

/** Time in calls and before limiters is known; the rest of a request's life it waited in queues. */
export function timingsOf(head: RequestHead, attempts: readonly UsageAttempt[], now: number): Timings {
  const limiterMs = attempts.reduce((sum, attempt) => sum + attempt.limiterMs, 0);
  const providerMs = attempts.reduce((sum, attempt) => sum + attempt.latencyMs, 0);
  return { limiterMs, providerMs, queueMs: Math.max(0, now - head.createdAt - limiterMs - providerMs) };
}

export interface Answer {
  content: string;
  finishReason: FinishReason;
  warnings: string[];
}

/** @param attempts all of the request's, the answering one last. */
export function okOutcome(head: RequestHead, attempts: readonly UsageAttempt[], answer: Answer): OkOutcome {
  const answering = attempts.at(-1);
  if (!answering) throw new RangeError('an answer needs the attempt that gave it');
  const now = Date.now();
  const costNanoUsd = costOf(attempts);
  const timings = timingsOf(head, attempts, now);
  const unpriced = attempts.find((attempt) => attempt.unpricedReason !== null)?.unpricedReason;
  const result: GenerateResult = {
    id: head.id,
    content: answer.content,
    finish_reason: answer.finishReason,
    provider: answering.provider,
    provider_type: answering.providerType,
    model: answering.servedModel ?? answering.model,
    cached: false,
    usage: wireUsage(answering.tokens),
    cost_usd: costNanoUsd === null ? null : nanoToUsd(costNanoUsd),
    latency_ms: now - head.createdAt,
    queue_ms: timings.queueMs,
    attempts: wireAttempts(attempts),
    warnings: unpriced ? [...answer.warnings, `cost_usd is unknown: ${unpriced}`] : answer.warnings,
  };
  return { status: 'ok', result, costNanoUsd: answering.costNanoUsd, finishedAt: now, timings };
}

export interface Trouble {
  code: ErrorCode;
  message: string;
  retryAfterMs?: number;
}

export function errorOutcome(head: RequestHead, attempts: readonly UsageAttempt[], trouble: Trouble): ErrorOutcome {
  const now = Date.now();
  const details = attempts.map((attempt, index) => ({
    path: `attempts.${index}`,
    message: `${attempt.provider} (${attempt.model}): ${attempt.error ?? attempt.status}${attempt.errorMessage ? `: ${attempt.errorMessage}` : ''}`,
  }));
  const error = { ...trouble, details };
  return {
    status: 'error',
    id: head.id,
    error,
    attempts: wireAttempts(attempts),
    finishedAt: now,
    timings: timingsOf(head, attempts, now),
  };
}
