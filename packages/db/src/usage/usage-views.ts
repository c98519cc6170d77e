/** Rows of the usage tables as callers see them: the contract's names, money as numbers of USD, times in ISO 8601. */
import type { WireUsage } from '@llm-gateway/shared';
import { Prisma } from '../generated/client.js';

interface View {
  id: string;
  created_at: string;
  provider_type: string | null;
  status: string;
  usage: WireUsage;
  /** null: no price is known, `unpriced_reason` says why. */
  cost_usd: number | null;
  unpriced_reason: string | null;
  latency_ms: number;
}

export interface UsageLogView extends View {
  service: string;
  customer_id: string | null;
  key_id: string | null;
  provider: string | null;
  model: string | null;
  error_code: string | null;
  cache_status: string;
  finish_reason: string | null;
  saved_usd: number;
  queue_ms: number;
  attempt_count: number;
  client_gone: boolean;
  metadata: Record<string, string>;
  related_to: string | null;
}

export interface UsageAttemptView extends View {
  number: number;
  provider: string;
  model: string;
  served_model: string | null;
  error: string | null;
  error_message: string | null;
  http_status: number | null;
  vendor_request_id: string | null;
  estimated: boolean;
  price_version: string | null;
  limiter_ms: number;
  worker: string;
}

interface TokenRow {
  created_at: Date;
  input: number;
  cached: number;
  written: number;
  output: number;
  reasoning: number;
}
export type LogRow = Omit<UsageLogView, 'created_at' | 'usage'> & TokenRow;
export type AttemptRow = Omit<UsageAttemptView, 'created_at' | 'usage'> & TokenRow;

const TOKENS = Prisma.sql`
  (uncached_input_tokens::bigint + cache_read_tokens + cache_write_tokens + cache_write_1h_tokens)::float8 AS input,
  cache_read_tokens AS cached, (cache_write_tokens::bigint + cache_write_1h_tokens)::float8 AS written,
  output_tokens AS output, reasoning_tokens AS reasoning`;

export const LOG_VIEW = Prisma.sql`
  id, created_at, service, customer_id, key_id, provider, provider_type, model, status, error_code, cache_status, finish_reason,
  ${TOKENS}, cost_usd::float8, unpriced_reason, saved_usd::float8, latency_ms, queue_ms, attempt_count, client_gone, metadata, related_to`;

export const ATTEMPT_VIEW = Prisma.sql`
  id, created_at, number, provider, provider_type, model, served_model, status, error, error_message, http_status, vendor_request_id,
  ${TOKENS}, estimated, cost_usd::float8, unpriced_reason, price_version, latency_ms, limiter_ms, worker`;

export function toView<Row extends TokenRow>(row: Row): Omit<Row, keyof TokenRow> & { created_at: string; usage: WireUsage } {
  const { created_at, input, cached, written, output, reasoning, ...rest } = row;
  const usage = {
    input_tokens: input,
    cached_input_tokens: cached,
    cache_write_tokens: written,
    output_tokens: output,
    reasoning_tokens: reasoning,
    total_tokens: input + output,
  };
  return { ...rest, created_at: created_at.toISOString(), usage };
}
