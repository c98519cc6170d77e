/** Usage events as rows: names of columns, their types, and the values as they travel to PostgreSQL in one JSON text. */
import type { TokenBuckets, UsageAttempt, UsageLog } from '@llm-gateway/shared';

/** `epoch_ms` is stored as timestamptz, `nano_usd` as numeric USD; the rest is PostgreSQL's own. */
export type ColumnType = 'text' | 'integer' | 'boolean' | 'jsonb' | 'epoch_ms' | 'nano_usd';

const TOKEN_COLUMNS = {
  uncached_input_tokens: 'integer',
  cache_read_tokens: 'integer',
  cache_write_tokens: 'integer',
  cache_write_1h_tokens: 'integer',
  output_tokens: 'integer',
  reasoning_tokens: 'integer',
} as const satisfies Record<string, ColumnType>;

export const LOG_COLUMNS = {
  id: 'text',
  created_at: 'epoch_ms',
  service: 'text',
  customer_id: 'text',
  key_id: 'text',
  provider: 'text',
  provider_type: 'text',
  model: 'text',
  status: 'text',
  error_code: 'text',
  cache_status: 'text',
  finish_reason: 'text',
  ...TOKEN_COLUMNS,
  cost_usd: 'nano_usd',
  unpriced_reason: 'text',
  saved_usd: 'nano_usd',
  latency_ms: 'integer',
  queue_ms: 'integer',
  attempt_count: 'integer',
  client_gone: 'boolean',
  metadata: 'jsonb',
  related_to: 'text',
} as const satisfies Record<string, ColumnType>;

export const ATTEMPT_COLUMNS = {
  id: 'text',
  created_at: 'epoch_ms',
  request_id: 'text',
  number: 'integer',
  provider: 'text',
  provider_type: 'text',
  model: 'text',
  served_model: 'text',
  status: 'text',
  error: 'text',
  error_message: 'text',
  http_status: 'integer',
  vendor_request_id: 'text',
  ...TOKEN_COLUMNS,
  estimated: 'boolean',
  cost_usd: 'nano_usd',
  unpriced_reason: 'text',
  price_version: 'text',
  latency_ms: 'integer',
  limiter_ms: 'integer',
  worker: 'text',
} as const satisfies Record<string, ColumnType>;

/** A value for every column: forgetting one does not compile. */
type Row<Columns> = Record<keyof Columns, unknown>;

export function logRow(log: UsageLog): Row<typeof LOG_COLUMNS> {
  return {
    id: log.id,
    created_at: log.createdAt,
    service: log.service,
    customer_id: log.customerId,
    key_id: log.keyId,
    provider: log.provider,
    provider_type: log.providerType,
    model: log.model,
    status: log.status,
    error_code: log.errorCode,
    cache_status: log.cacheStatus,
    finish_reason: log.finishReason,
    ...tokenColumns(log.tokens),
    cost_usd: log.costNanoUsd,
    unpriced_reason: log.unpricedReason,
    saved_usd: log.savedNanoUsd,
    latency_ms: log.latencyMs,
    queue_ms: log.queueMs,
    attempt_count: log.attemptCount,
    client_gone: log.clientGone,
    metadata: log.metadata,
    related_to: log.relatedTo,
  };
}

export function attemptRow(attempt: UsageAttempt): Row<typeof ATTEMPT_COLUMNS> {
  return {
    id: attempt.id,
    created_at: attempt.createdAt,
    request_id: attempt.requestId,
    number: attempt.number,
    provider: attempt.provider,
    provider_type: attempt.providerType,
    model: attempt.model,
    served_model: attempt.servedModel,
    status: attempt.status,
    error: attempt.error,
    error_message: attempt.errorMessage,
    http_status: attempt.httpStatus,
    vendor_request_id: attempt.vendorRequestId,
    ...tokenColumns(attempt.tokens),
    estimated: attempt.estimated,
    cost_usd: attempt.costNanoUsd,
    unpriced_reason: attempt.unpricedReason,
    price_version: attempt.priceVersion,
    latency_ms: attempt.latencyMs,
    limiter_ms: attempt.limiterMs,
    worker: attempt.worker,
  };
}

function tokenColumns(tokens: TokenBuckets): Row<typeof TOKEN_COLUMNS> {
  return {
    uncached_input_tokens: tokens.uncachedInput,
    cache_read_tokens: tokens.cacheRead,
    cache_write_tokens: tokens.cacheWrite,
    cache_write_1h_tokens: tokens.cacheWrite1h,
    output_tokens: tokens.output,
    reasoning_tokens: tokens.reasoning,
  };
}
