import { generateRequest, generateResult } from '@llm-gateway/shared';
import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { operation } from './operation.js';

const TAG = 'Generate';

const resultExample = {
  id: 'req_01K9ZT0Q4M7C6V1B2N3D4F5G6H',
  content: 'Good morning!',
  finish_reason: 'stop',
  provider: 'openai-main',
  provider_type: 'openai',
  model: 'gpt-4o-mini',
  cached: false,
  usage: {
    input_tokens: 12,
    cached_input_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: 11,
    reasoning_tokens: 0,
    total_tokens: 23,
  },
  cost_usd: 0.0000084,
  latency_ms: 412,
  queue_ms: 3,
  attempts: [{ provider: 'openai-main', model: 'gpt-4o-mini', status: 'ok', latency_ms: 280 }],
  warnings: [],
};

const queued = z.object({
  id: z.string(),
  status: z.enum(['queued', 'completed']).describe('completed: the cache had the answer, the job holds it.'),
  position: z.int().nullable(),
});

const requestHeaders = z.object({
  'Idempotency-Key': z.string().min(1).max(255).optional().describe('The same key and body within 24 h get the first result.'),
  Prefer: z.literal('respond-async').optional().describe('Answer 202 at once; the result is read from the job.'),
});

const responseHeaders = z.object({
  'X-Cache': z.enum(['HIT', 'MISS', 'REFRESH', 'BYPASS', 'COALESCED']).optional(),
  'Server-Timing': z.string().optional(),
  'Idempotency-Replayed': z.literal('true').optional().describe('The first result of the Idempotency-Key, given again.'),
  'X-RateLimit-Limit-Requests': z
    .string()
    .optional()
    .describe('Where the provider that answered has an rpm_limit; likewise -Tokens.'),
  'X-RateLimit-Remaining-Requests': z.string().optional(),
  'X-RateLimit-Reset-Requests': z.string().optional().describe('When the minute is whole again, as 12s.'),
});

const accepted = {
  '202': { description: 'Queued, for a request that asked for it.', content: { 'application/json': { schema: queued } } },
};

export const generatePaths: ZodOpenApiPathsObject = {
  '/api/v1/generate': {
    post: operation({
      tag: TAG,
      summary: 'Ask a model',
      description: 'Routed, cached, limited, retried and paid for by the gateway; a plain call for its caller.',
      scope: 'generate',
      query: z.object({ mode: z.literal('async').optional() }),
      headers: requestHeaders,
      body: {
        schema: generateRequest.meta({ id: 'GenerateRequest' }),
        example: { service: 'greeter', prompt: 'Say good morning.', model: 'gpt-4o-mini', max_tokens: 50 },
      },
      ok: {
        status: 200,
        description: 'The answer.',
        schema: generateResult.meta({ id: 'GenerateResult' }),
        example: resultExample,
        headers: responseHeaders,
      },
      also: accepted,
      errors: [
        'budget_exceeded',
        'not_found',
        'idempotency_conflict',
        'rate_limited',
        'queue_full',
        'provider_error',
        'no_provider',
        'timeout',
      ],
    }),
  },
};
