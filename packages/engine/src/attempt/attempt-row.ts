/** An attempt's row, from before the call to its end. */
import { priceAttempt, type ProviderAnswer } from '@llm-gateway/providers';
import {
  conversation,
  storable,
  estimateTokens,
  newAttemptId,
  NO_TOKENS,
  type ProviderError,
  type GenerateRequest,
  type ProviderConfig,
  type TokenBuckets,
  type UsageAttempt,
} from '@llm-gateway/shared';

/** Longer than any vendor's names of models and requests. */
const MAX_NAME = 300;

/** Estimated tokens of the whole input. */
export function estimateInput(request: Pick<GenerateRequest, 'prompt' | 'messages' | 'system'>): number {
  const texts = conversation(request).map((message) => message.content);
  return [...texts, request.system ?? ''].reduce((sum, text) => sum + estimateTokens(text), 0);
}

export interface NewAttempt {
  requestId: string;
  number: number;
  provider: ProviderConfig;
  model: string;
  request: GenerateRequest;
  limiterMs: number;
  worker: string;
}

/**
 * The row as it is written before the call: abandoned, its cost estimated from the input. Should this process die, that is
 * what remains; should it live, {@link closeOk} or {@link closeFailed} take its place.
 */
export function openAttempt({ requestId, number, provider, model, request, limiterMs, worker }: NewAttempt): UsageAttempt {
  const createdAt = Date.now();
  const tokens: TokenBuckets = { ...NO_TOKENS, uncachedInput: estimateInput(request) };
  return {
    id: newAttemptId(createdAt),
    requestId,
    createdAt,
    number,
    provider: provider.name,
    providerType: provider.type,
    model,
    servedModel: null,
    status: 'abandoned',
    error: 'abandoned',
    errorMessage: 'the process that made the call ended before its answer; tokens and cost are estimated from the input',
    httpStatus: null,
    vendorRequestId: null,
    tokens,
    estimated: true,
    ...price(provider, { model, servedModel: null, tokens, createdAt }),
    latencyMs: 0,
    limiterMs,
    worker,
  };
}

export function closeOk(open: UsageAttempt, provider: ProviderConfig, answer: ProviderAnswer): UsageAttempt {
  return {
    ...open,
    status: 'ok',
    error: null,
    errorMessage: null,
    servedModel: storable(answer.servedModel, MAX_NAME),
    vendorRequestId: answer.vendorRequestId === null ? null : storable(answer.vendorRequestId, MAX_NAME),
    tokens: answer.tokens,
    estimated: false,
    ...price(provider, { ...open, servedModel: answer.servedModel, tokens: answer.tokens }),
    latencyMs: Date.now() - open.createdAt,
  };
}

export function closeFailed(open: UsageAttempt, error: ProviderError): UsageAttempt {
  const closed = {
    ...open,
    status: 'error' as const,
    error: error.fault,
    errorMessage: error.message,
    httpStatus: error.httpStatus ?? null,
    vendorRequestId: error.vendorRequestId === undefined ? null : storable(error.vendorRequestId, MAX_NAME),
    latencyMs: Date.now() - open.createdAt,
  };
  if (error.maybeBilled) return closed;
  return { ...closed, tokens: NO_TOKENS, estimated: false, costNanoUsd: 0, unpricedReason: null, priceVersion: null };
}

type PricedPart = Pick<UsageAttempt, 'model' | 'servedModel' | 'tokens' | 'createdAt'>;

function price(provider: ProviderConfig, { model, servedModel, tokens, createdAt }: PricedPart) {
  const { type, baseUrl, pricing } = provider;
  return priceAttempt({ type, baseUrl, model, tokens, at: new Date(createdAt), pricing }, servedModel);
}
