/** openai, llama and custom: OpenAI's chat completions through OpenAI's SDK, with their differences as data. */
import OpenAI from 'openai';
import type { FinishReason, ProviderType } from '@llm-gateway/shared';
import { z } from 'zod';
import type { ProviderCall, VendorAnswer, VendorGenerate, VendorTarget } from '../provider.js';
import { chatBuckets, chatUsage } from './chat-usage.js';
import { sdkTimeout } from './sdk-timeout.js';
import { bucketsOr } from './usage.js';
import { Warnings, withJsonInstruction, withSystemMessage } from './parameters.js';

/** Whether a model name of OpenAI's reasoning families means OpenAI's rules: behind a custom URL, as with a proxy, it does. */
const FOLLOWS_OPENAI_NAMES: Partial<Record<ProviderType, boolean>> = { openai: true, custom: true };

/**
 * Reasoning models take `max_completion_tokens`, and neither temperature, top_p nor stop.
 * Source: https://platform.openai.com/docs/guides/reasoning and /guides/latest-model (parameter compatibility).
 */
const isReasoningModel = (model: string): boolean =>
  /^(?:ft:|openai\/)?(?:o\d+|gpt-(?:[5-9]|\d\d+)(?![\w.-]*-chat))(?:[-.:]|$)/.test(model);

export const chatCompletions: VendorGenerate = async (call, target, fetch) => {
  const warnings = new Warnings(call.model);
  const fetchOptions: OpenAI.RequestOptions['fetchOptions'] & WithFetch = { fetchOfCall: fetch };
  const options = { ...sdkTimeout(call), fetchOptions };
  const completion = await clientOf(target).chat.completions.create(toRequest(call, target.type, warnings), options);
  return readCompletion(completion, call, warnings);
};

interface WithFetch {
  fetchOfCall: typeof globalThis.fetch;
}

/** Shared by the calls to a target: a client is four kilobytes, which a call would hold for as long as it takes. */
const clients = new WeakMap<VendorTarget, OpenAI>();

function clientOf(target: VendorTarget): OpenAI {
  const known = clients.get(target);
  if (known) return known;
  const client = makeClient(target);
  clients.set(target, client);
  return client;
}

function makeClient({ apiKey, baseUrl }: VendorTarget): OpenAI {
  return new OpenAI({
    baseURL: baseUrl,
    // The SDK insists on a key; where there is none the header is taken away again.
    apiKey: apiKey ?? 'none',
    ...(apiKey === null ? { defaultHeaders: { authorization: null } } : {}),
    // Explicitly nothing: the SDK would look into the environment.
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    logLevel: 'off',
    maxRetries: 0,
    // The SDK takes one for all calls of a client, and hands it the options of each: they bring the call's own.
    fetch: (input, init) => (init as RequestInit & WithFetch).fetchOfCall(input, init),
  });
}

function toRequest(
  original: ProviderCall,
  type: ProviderType,
  warnings: Warnings,
): OpenAI.ChatCompletionCreateParamsNonStreaming {
  const call = withJsonInstruction(original);
  const reasoning = FOLLOWS_OPENAI_NAMES[type] === true && isReasoningModel(call.model);
  const unlessReasoning = <T>(name: string, value: T | undefined): T | undefined =>
    reasoning && value !== undefined ? warnings.dropped(name) : value;
  return {
    model: call.model,
    messages: withSystemMessage(call),
    [reasoning ? 'max_completion_tokens' : 'max_tokens']: call.maxTokens,
    temperature: unlessReasoning('temperature', call.temperature),
    top_p: unlessReasoning('top_p', call.topP),
    stop: unlessReasoning('stop', call.stop),
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- OpenAI calls it best effort now; compatible servers keep it, and the contract has it
    seed: call.seed,
    response_format: toResponseFormat(call),
  };
}

function toResponseFormat({ responseFormat }: ProviderCall): OpenAI.ChatCompletionCreateParams['response_format'] {
  if (responseFormat?.type === 'json') return { type: 'json_object' };
  if (responseFormat?.type !== 'json_schema') return undefined;
  return { type: 'json_schema', json_schema: { name: 'response', schema: responseFormat.schema, strict: true } };
}

const contentPart = z.object({ type: z.string().optional(), text: z.string().optional() });
const completionShape = z.object({
  id: z.string().nullish().catch(undefined),
  model: z.string().nullish(),
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({
          content: z.union([z.string(), z.array(contentPart)]).nullish(),
          refusal: z.string().nullish(),
        }),
      }),
    )
    .min(1),
  usage: chatUsage,
});

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  eos: 'stop',
  length: 'length',
  max_tokens: 'length',
  content_filter: 'content_filter',
};

function readCompletion(completion: unknown, call: ProviderCall, warnings: Warnings): VendorAnswer {
  const { id, model, choices, usage } = completionShape.parse(completion);
  const choice = choices[0];
  const content = textOf(choice?.message.content);
  const refused = content === '' && Boolean(choice?.message.refusal);
  return {
    content,
    finishReason: refused ? 'content_filter' : (FINISH_REASONS[choice?.finish_reason ?? ''] ?? 'other'),
    servedModel: model || call.model,
    responseId: id ?? null,
    tokens: bucketsOr(warnings, chatBuckets(usage)),
    warnings: warnings.list,
  };
}

function textOf(content: string | z.infer<typeof contentPart>[] | null | undefined): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => (part.type === undefined || part.type === 'text' ? (part.text ?? '') : '')).join('');
}
