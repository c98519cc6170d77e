/** Anthropic's Messages API. */
import Anthropic from '@anthropic-ai/sdk';
import type { FinishReason, TokenBuckets } from '@llm-gateway/shared';
import { z } from 'zod';
import type { ProviderCall, VendorAnswer, VendorGenerate } from '../provider.js';
import { hoistSystem, joinParagraphs, JSON_INSTRUCTION, temperatureUpTo, turns, Warnings } from './parameters.js';
import { sdkTimeout } from './sdk-timeout.js';
import { bucketsOr, tokenCount } from './usage.js';

/** The API demands a limit. Enough for long answers, and less than every current model's maximum. */
const DEFAULT_MAX_TOKENS = 8_192;
/** Claude 3 Haiku, Sonnet and Opus end at 4,096. */
const CLAUDE_3_MAX_TOKENS = 4_096;

export const claude: VendorGenerate = async (call, { apiKey, baseUrl }, fetch) => {
  const warnings = new Warnings(call.model);
  // authToken and webhookKey: explicitly nothing, or the SDK would look into the environment.
  const options = { baseURL: baseUrl, apiKey, authToken: null, webhookKey: null, logLevel: 'off', maxRetries: 0, fetch } as const;
  // Not `messages.create`, which writes a model's deprecation notice to the console at every call.
  const message = await new Anthropic(options).post<unknown>('/v1/messages', {
    body: toRequest(call, warnings),
    ...sdkTimeout(call),
  });
  return readMessage(message, call, warnings);
};

/** The SDK's types have dropped the sampling parameters that older models still take. */
type Request = Anthropic.MessageCreateParamsNonStreaming & { temperature?: number; top_p?: number };

function toRequest(call: ProviderCall, warnings: Warnings): Request {
  if (call.seed !== undefined) warnings.dropped('seed');
  return {
    model: call.model,
    max_tokens: call.maxTokens ?? (/claude-3-(haiku|sonnet|opus)/.test(call.model) ? CLAUDE_3_MAX_TOKENS : DEFAULT_MAX_TOKENS),
    messages: turns(call),
    stop_sequences: call.stop,
    ...sampling(call, warnings),
    ...systemAndFormat(call, warnings),
  };
}

/**
 * From Opus 4.7 and the fifth generation on, temperature and top_p are refused; models before take 0 to 1, and since Opus 4.1
 * one of the two. Source: https://platform.claude.com/docs/en/about-claude/models (what's new, migration guides).
 */
function sampling(call: ProviderCall, warnings: Warnings): Pick<Request, 'temperature' | 'top_p'> {
  if (!takesSampling(call.model)) {
    if (call.temperature !== undefined) warnings.dropped('temperature');
    if (call.topP !== undefined) warnings.dropped('top_p');
    return {};
  }
  const temperature = temperatureUpTo(1, call, 'claude', warnings);
  if (temperature === undefined || call.topP === undefined) return { temperature, top_p: call.topP };
  warnings.add('top_p is not supported by claude together with temperature and was dropped');
  return { temperature };
}

function takesSampling(model: string): boolean {
  if (!model.includes('claude-') || /claude-(?:instant|v?2|3)(?![0-9])/.test(model)) return true;
  const fourth = /claude-(?:opus|sonnet|haiku)-4(?:-(\d))?(?!\d)/.exec(model);
  return fourth !== null && Number(fourth[1] ?? 0) <= 6;
}

function systemAndFormat(call: ProviderCall, warnings: Warnings): Pick<Request, 'system' | 'output_config'> {
  const system = hoistSystem(call);
  if (call.responseFormat?.type === 'json_schema') {
    return { system, output_config: { format: { type: 'json_schema', schema: call.responseFormat.schema } } };
  }
  if (call.responseFormat?.type !== 'json') return { system };
  warnings.add('claude has no JSON mode without a schema: JSON was asked for in the system text and is not guaranteed');
  return { system: joinParagraphs(system, JSON_INSTRUCTION) };
}

const messageShape = z.object({
  id: z.string().nullish().catch(undefined),
  model: z.string().nullish(),
  content: z.array(z.object({ type: z.string(), text: z.string().optional() })),
  stop_reason: z.string().nullish(),
  usage: z
    .object({
      input_tokens: tokenCount,
      cache_read_input_tokens: tokenCount,
      cache_creation_input_tokens: tokenCount,
      cache_creation: z.object({ ephemeral_1h_input_tokens: tokenCount }).nullish().catch(undefined),
      output_tokens: tokenCount,
      output_tokens_details: z.object({ thinking_tokens: tokenCount }).nullish().catch(undefined),
    })
    .nullish()
    .catch(undefined),
});

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  refusal: 'content_filter',
};

function readMessage(message: unknown, call: ProviderCall, warnings: Warnings): VendorAnswer {
  const { id, model, content, stop_reason, usage } = messageShape.parse(message);
  const finishReason = FINISH_REASONS[stop_reason ?? ''] ?? 'other';
  const text = content.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join('');
  return {
    // Anthropic asks to discard what a refused answer began with.
    content: finishReason === 'content_filter' ? '' : text,
    finishReason,
    servedModel: model || call.model,
    responseId: id ?? null,
    tokens: bucketsOr(warnings, usage ? claudeBuckets(usage) : undefined),
    warnings: warnings.list,
  };
}

/** Claude's input excludes what was read from and written to the cache; its output includes thinking. */
function claudeBuckets(usage: NonNullable<z.infer<typeof messageShape>['usage']>): TokenBuckets | undefined {
  // An answer without its output counted has no usage that could be priced.
  if (usage.output_tokens === null || usage.output_tokens === undefined) return undefined;
  const written = usage.cache_creation_input_tokens ?? 0;
  const cacheWrite1h = Math.min(written, usage.cache_creation?.ephemeral_1h_input_tokens ?? 0);
  const output = usage.output_tokens;
  return {
    uncachedInput: usage.input_tokens ?? 0,
    cacheRead: usage.cache_read_input_tokens ?? 0,
    cacheWrite: written - cacheWrite1h,
    cacheWrite1h,
    output,
    reasoning: Math.min(output, usage.output_tokens_details?.thinking_tokens ?? 0),
  };
}
