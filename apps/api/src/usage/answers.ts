/** What usage and analytics answer, for the published contract; the rows themselves come in this shape from the database package. */
import { cacheStatus, finishReason, providerType } from '@llm-gateway/shared';
import { z } from 'zod';

const figures = {
  requests: z.int(),
  cache_hits: z.int(),
  cache_hit_rate: z.number(),
  errors: z.int(),
  error_rate: z.number(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  cost_usd: z.number().describe('The sum of what has a price; `unpriced_requests` says how many have none.'),
  unpriced_requests: z.int(),
  latency_ms: z.object({ p50: z.number().nullable(), p95: z.number().nullable(), p99: z.number().nullable() }),
};

export const summaryAnswer = z.object(figures);
export const byAnswer = z.object({ data: z.array(z.object({ key: z.string().nullable(), ...figures })) });

export const logRow = z.object({
  id: z.string(),
  created_at: z.iso.datetime(),
  service: z.string(),
  customer_id: z.string().nullable(),
  provider: z.string().nullable(),
  provider_type: providerType.nullable(),
  model: z.string().nullable(),
  status: z.enum(['ok', 'error', 'cancelled']),
  error_code: z.string().nullable(),
  cache_status: cacheStatus,
  finish_reason: finishReason.nullable(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  cost_usd: z.number().nullable(),
  latency_ms: z.int(),
});

export const attemptRow = z.object({
  id: z.string(),
  created_at: z.iso.datetime(),
  number: z.int(),
  provider: z.string(),
  model: z.string(),
  served_model: z.string().nullable(),
  status: z.enum(['ok', 'error', 'abandoned']),
  error: z.string().nullable(),
  cost_usd: z.number().nullable(),
  latency_ms: z.int(),
});

export const logDetail = logRow.extend({ attempts: z.array(attemptRow) });
