/** Mistral's chat completions. */
import { HTTPClient, Mistral } from '@mistralai/mistralai';
import type { FinishReason } from '@llm-gateway/shared';
import { z } from 'zod';
import type { ProviderCall, VendorAnswer, VendorGenerate } from '../provider.js';
import { chatBuckets } from './chat-usage.js';
import { temperatureUpTo, Warnings, withJsonInstruction, withSystemMessage } from './parameters.js';
import { bucketsOr, tokenCount } from './usage.js';

/** Source: https://docs.mistral.ai/api (chat completions, temperature). */
const HIGHEST_TEMPERATURE = 1.5;

export const mistral: VendorGenerate = async (call, { apiKey, baseUrl }, fetch) => {
  const warnings = new Warnings(call.model);
  const client = new Mistral({
    serverURL: baseUrl,
    apiKey: apiKey ?? '',
    httpClient: new HTTPClient({ fetcher: fetch }),
    retryConfig: { strategy: 'none' },
  });
  const completion = await client.chat.complete(toRequest(call, warnings));
  return readCompletion(completion, call, warnings);
};

type ChatRequest = Parameters<Mistral['chat']['complete']>[0];

function toRequest(original: ProviderCall, warnings: Warnings): ChatRequest {
  const call = withJsonInstruction(original);
  return {
    model: call.model,
    messages: withSystemMessage(call),
    maxTokens: call.maxTokens,
    temperature: temperatureUpTo(HIGHEST_TEMPERATURE, call, 'mistral', warnings),
    topP: call.topP,
    stop: call.stop,
    randomSeed: call.seed,
    responseFormat: toResponseFormat(call),
  };
}

function toResponseFormat({ responseFormat }: ProviderCall): ChatRequest['responseFormat'] {
  if (responseFormat?.type === 'json') return { type: 'json_object' };
  if (responseFormat?.type !== 'json_schema') return undefined;
  return { type: 'json_schema', jsonSchema: { name: 'response', schemaDefinition: responseFormat.schema, strict: true } };
}

const contentPart = z.object({ type: z.string().optional(), text: z.string().optional() });
/** As the SDK hands it over: known names in camel case, what it does not know as it came. */
const completionShape = z.object({
  id: z.string(),
  model: z.string(),
  choices: z
    .array(
      z.object({
        finishReason: z.string().nullish(),
        message: z.object({ content: z.union([z.string(), z.array(contentPart)]).nullish() }),
      }),
    )
    .min(1),
  usage: z.object({
    promptTokens: tokenCount,
    completionTokens: tokenCount,
    totalTokens: tokenCount,
    prompt_tokens_details: z.object({ cached_tokens: tokenCount }).nullish().catch(undefined),
    num_cached_tokens: tokenCount,
  }),
});

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  model_length: 'length',
  content_filter: 'content_filter',
};

function readCompletion(completion: unknown, call: ProviderCall, warnings: Warnings): VendorAnswer {
  const { id, model, choices, usage } = completionShape.parse(completion);
  const content = choices[0]?.message.content ?? '';
  // Reasoning models answer in parts, of which only the text is the answer.
  const text =
    typeof content === 'string' ? content : content.map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join('');
  const counts = {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.totalTokens,
    prompt_tokens_details: { cached_tokens: usage.prompt_tokens_details?.cached_tokens ?? usage.num_cached_tokens },
  };
  return {
    content: text,
    finishReason: FINISH_REASONS[choices[0]?.finishReason ?? ''] ?? 'other',
    servedModel: model || call.model,
    responseId: id,
    tokens: bucketsOr(warnings, chatBuckets(counts)),
    warnings: warnings.list,
  };
}
