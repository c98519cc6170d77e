/** What usage and analytics answer, for the published contract; the rows themselves come in this shape from the database package. */
import { cacheStatus, finishReason, providerType, wireUsage } from '@llm-gateway/shared';
import { z } from 'zod';

const latency = z.number().nullable();

const figures = {
  requests: z.int(),
  cache_hits: z.int(),
  cache_hit_rate: z.number(),
  errors: z.int(),
  error_rate: z.number(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  cost_usd: z.number().describe('The sum of what has a price; `unpriced_requests` says how many have none.'),
  saved_usd: z.number().describe('What answers from the cache would have cost.'),
  wasted_usd: z.number().describe('What attempts that gave no answer have cost.'),
  unpriced_requests: z.int(),
  latency_ms: z.object({ p50: latency, p95: latency, p99: latency }),
};

export const summaryAnswer = z.object(figures);
export const byAnswer = z.object({ data: z.array(z.object({ key: z.string().nullable(), ...figures })) });
export const timeseriesAnswer = z.object({ data: z.array(z.object({ start: z.iso.datetime(), ...figures })) });
export const unpricedAnswer = z.object({
  data: z.array(
    z.object({
      provider: z.string(),
      provider_type: providerType,
      model: z.string().describe('The model that served, where the vendor said so.'),
      reason: z.string().nullable(),
      requests: z.int(),
      input_tokens: z.int(),
      output_tokens: z.int(),
      last_seen: z.iso.datetime(),
    }),
  ),
});

const row = {
  id: z.string(),
  created_at: z.iso.datetime(),
  usage: wireUsage,
  cost_usd: z.number().nullable().describe('null: no price is known, `unpriced_reason` says why.'),
  unpriced_reason: z.string().nullable(),
  latency_ms: z.int(),
};

export const logRow = z.object({
  ...row,
  service: z.string(),
  customer_id: z.string().nullable(),
  key_id: z.string().nullable(),
  provider: z.string().nullable(),
  provider_type: providerType.nullable(),
  model: z.string().nullable(),
  status: z.enum(['ok', 'error', 'cancelled']),
  error_code: z.string().nullable(),
  cache_status: cacheStatus,
  finish_reason: finishReason.nullable(),
  saved_usd: z.number(),
  queue_ms: z.int(),
  attempt_count: z.int(),
  client_gone: z.boolean(),
  metadata: z.record(z.string(), z.string()),
  related_to: z.string().nullable(),
});

const attemptRow = z.object({
  ...row,
  number: z.int(),
  provider: z.string(),
  provider_type: providerType,
  model: z.string(),
  served_model: z.string().nullable(),
  status: z.enum(['ok', 'error', 'abandoned']),
  error: z.string().nullable(),
  error_message: z.string().nullable(),
  http_status: z.int().nullable(),
  vendor_request_id: z.string().nullable(),
  estimated: z.boolean(),
  price_version: z.string().nullable(),
  limiter_ms: z.int(),
  worker: z.string(),
});

export const logDetail = logRow.extend({ attempts: z.array(attemptRow) });
