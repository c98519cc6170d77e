import {
  newAttemptId,
  newRequestId,
  requestTime,
  type TokenBuckets,
  type UsageAttempt,
  type UsageEvent,
  type UsageLog,
} from '@llm-gateway/shared';
import { parseEncryptionKeys, type ProviderInput } from '../src/index.js';

export const ARRIVED = Date.parse('2026-11-20T10:00:00.123Z');
export const TOKENS: TokenBuckets = {
  uncachedInput: 100,
  cacheRead: 20,
  cacheWrite: 3,
  cacheWrite1h: 4,
  output: 50,
  reasoning: 7,
};

export const keysOf = (...ids: string[]) =>
  parseEncryptionKeys(ids.map((id) => `${id}:${Buffer.alloc(32, id.charCodeAt(0)).toString('base64')}`).join(','));

export function sampleProvider(input: Partial<ProviderInput> = {}): ProviderInput {
  return {
    name: 'openai-main',
    type: 'openai',
    apiKey: 'sk-live-abcdefgh-1234',
    baseUrl: 'https://api.example.com/v1',
    defaultModel: 'gpt-4o-mini',
    models: ['gpt-4o-mini', 'gpt-4o'],
    priority: 10,
    enabled: true,
    rpmLimit: 60,
    tpmLimit: 100_000,
    maxConcurrency: 8,
    timeoutMs: 30_000,
    maxRetries: 2,
    pricing: { input_per_mtok: 0.15, output_per_mtok: 0.6, cached_input_per_mtok: 0.075 },
    ...input,
  };
}

export function sampleLog(log: Partial<UsageLog> = {}): UsageLog {
  return {
    id: newRequestId(log.createdAt ?? ARRIVED),
    createdAt: ARRIVED,
    service: 'billing',
    customerId: 'acme',
    keyId: 'key-1',
    provider: 'openai-main',
    providerType: 'openai',
    model: 'gpt-4o-mini',
    status: 'ok',
    errorCode: null,
    cacheStatus: 'MISS',
    finishReason: 'stop',
    tokens: TOKENS,
    costNanoUsd: 8_400,
    unpricedReason: null,
    savedNanoUsd: 0,
    latencyMs: 412,
    queueMs: 3,
    attemptCount: 1,
    clientGone: false,
    metadata: { ticket: 'T-1' },
    relatedTo: null,
    ...log,
  };
}

export function sampleAttempt(requestId: string, attempt: Partial<UsageAttempt> = {}): UsageAttempt {
  // A request's id may be none, to see that refused.
  const createdAt = attempt.createdAt ?? (requestTime(requestId) || ARRIVED) + 1;
  return {
    id: newAttemptId(createdAt),
    requestId,
    createdAt,
    number: 1,
    provider: 'openai-main',
    providerType: 'openai',
    model: 'gpt-4o-mini',
    servedModel: 'gpt-4o-mini-2024-07-18',
    status: 'ok',
    error: null,
    errorMessage: null,
    httpStatus: 200,
    vendorRequestId: 'chatcmpl-1',
    tokens: TOKENS,
    estimated: false,
    costNanoUsd: 8_400,
    unpricedReason: null,
    priceVersion: 'genai-prices 0.1.8',
    latencyMs: 280,
    limiterMs: 5,
    worker: 'worker-1',
    ...attempt,
  };
}

/** A request with one provider call. */
export function sampleEvent(log: Partial<UsageLog> = {}): UsageEvent {
  const row = sampleLog(log);
  return { v: 1, log: row, attempts: [sampleAttempt(row.id, { costNanoUsd: row.costNanoUsd })] };
}

/** Attempts that come without their request's row. */
export const lateEvent = (...attempts: UsageAttempt[]): UsageEvent => ({ v: 1, log: null, attempts });
