/** The contract of `POST /api/v1/generate`: request and result. Everything that parses or publishes it uses these schemas. */
import { z } from 'zod';
import { boundedJson, wireName, wireText } from './wire-text.js';
import { providerType } from './provider-config.js';

/** Longest text anywhere in a request; `MAX_BODY_BYTES` is the bound that bites first. */
const MAX_TEXT = 50_000_000;

export const chatMessage = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: wireText(MAX_TEXT).min(1, 'must not be empty'),
});
export type ChatMessage = z.infer<typeof chatMessage>;

export const responseFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json') }),
  z.strictObject({ type: z.literal('json_schema'), schema: boundedJson(32, 5_000) }),
]);
export type ResponseFormat = z.infer<typeof responseFormat>;

export const cacheOptions = z.strictObject({
  mode: z.enum(['default', 'off', 'refresh', 'only']).default('default'),
  ttl_seconds: z.int().min(1).max(31_536_000).optional(),
  scope: z
    .enum(['global', 'service', 'customer'])
    .optional()
    .describe(
      'Who shares the answer. Unless said otherwise: the customer where one is named, else the service. Wider sharing is asked for.',
    ),
});

const stopText = wireText(500).min(1, 'must not be empty');

/**
 * What a caller asks of the model beside the conversation, named here and nowhere else: the request's schema takes it over, the
 * cache key hashes it, and the engine's mapping to a provider call does not compile while it leaves one out.
 */
export const generationParameters = {
  system: wireText(MAX_TEXT).min(1, 'must not be empty').optional(),
  max_tokens: z.int().min(1).max(1_000_000).optional(),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().min(0).max(1).optional(),
  stop: z.union([stopText, z.array(stopText).min(1).max(16)]).optional(),
  seed: z.int().optional(),
  response_format: responseFormat.optional(),
};
export type GenerationParameters = z.infer<z.ZodObject<typeof generationParameters>>;

export const generateRequest = z
  .strictObject({
    service: wireName(64).optional().describe('Which service asks; required unless the key belongs to one service.'),
    customer_id: wireName(128).optional().describe('Whom it is for: overrides, budgets and analytics.'),
    prompt: wireText(MAX_TEXT).min(1, 'must not be empty').optional().describe('Shorthand for one user message.'),
    messages: z.array(chatMessage).min(1, 'must not be empty').max(1_000).optional(),
    provider: wireName(40).optional().describe('Pin a provider by name, or by type, meaning its first enabled one.'),
    model: wireName(200).optional(),
    ...generationParameters,
    cache: cacheOptions.optional(),
    fallback: z.boolean().default(true).describe('May other providers be tried.'),
    priority: z.int().min(1).max(10).default(5).describe('Place in the provider queue, 1 first.'),
    timeout_ms: z.int().min(100).max(600_000).default(60_000).describe('Deadline for the whole request.'),
    metadata: z
      .record(wireName(64), wireText(512))
      .refine((value) => Object.keys(value).length <= 16, 'must have at most 16 entries')
      .optional(),
  })
  .superRefine((value, context) => {
    if ((value.prompt === undefined) === (value.messages === undefined)) {
      context.addIssue({ code: 'custom', path: ['prompt'], message: 'exactly one of prompt and messages is required' });
    }
    if (value.messages && !value.messages.some((message) => message.role !== 'system')) {
      context.addIssue({ code: 'custom', path: ['messages'], message: 'must have a message that is not a system message' });
    }
    if (value.cache?.scope === 'customer' && value.customer_id === undefined) {
      context.addIssue({ code: 'custom', path: ['cache', 'scope'], message: 'scope customer needs a customer_id' });
    }
  });
export type GenerateRequest = z.infer<typeof generateRequest>;
/** What a caller writes: defaults not yet filled in. */
export type GenerateInput = z.input<typeof generateRequest>;

/** @returns the conversation of a request, with `prompt` spelled out as its one user message. */
export function conversation(request: Pick<GenerateRequest, 'prompt' | 'messages'>): ChatMessage[] {
  return request.messages ?? [{ content: request.prompt ?? '', role: 'user' }];
}

export const finishReason = z.enum(['stop', 'length', 'content_filter', 'other']);
export type FinishReason = z.infer<typeof finishReason>;

export const wireUsage = z.object({
  input_tokens: z.int(),
  cached_input_tokens: z.int(),
  cache_write_tokens: z.int(),
  output_tokens: z.int(),
  reasoning_tokens: z.int(),
  total_tokens: z.int(),
});
export type WireUsage = z.infer<typeof wireUsage>;

export const wireAttempt = z.object({
  provider: z.string(),
  model: z.string(),
  status: z.enum(['ok', 'error', 'abandoned']),
  error: z.string().optional(),
  latency_ms: z.int(),
});

export const generateResult = z.object({
  id: z.string(),
  content: z.string(),
  finish_reason: finishReason,
  provider: z.string(),
  provider_type: providerType,
  model: z.string(),
  cached: z.boolean(),
  usage: wireUsage,
  cost_usd: z.number().nullable(),
  latency_ms: z.int(),
  queue_ms: z.int(),
  attempts: z.array(wireAttempt),
  warnings: z.array(z.string()),
});
export type GenerateResult = z.infer<typeof generateResult>;
