/** Google's Gemini API. Everything of @google/generative-ai is in this file, so that its successor is one file's work. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import type * as GoogleSdk from '@google/generative-ai';
import { ProviderError, type FinishReason, type TokenBuckets } from '@llm-gateway/shared';
import { z } from 'zod';
import type { ProviderCall, VendorAnswer, VendorGenerate } from '../provider.js';
import { hoistSystem, turns, Warnings } from './parameters.js';
import { bucketsOr, tokenCount } from './usage.js';

// This SDK calls the global `fetch` and takes no other. Its file is therefore compiled the way Node compiles any CommonJS
// module, as a function of its free variables, with `fetch` among them: it gets ours, and nobody else's global is touched.
const sdkFile = createRequire(import.meta.url).resolve('@google/generative-ai');
type SdkModule = (exports: object, fetch: typeof globalThis.fetch) => void;
const evaluateSdk = compileFunction(readFileSync(sdkFile, 'utf8'), ['exports', 'fetch'], { filename: sdkFile }) as SdkModule;

function sdkOver(fetch: typeof globalThis.fetch): typeof GoogleSdk {
  const exported = {};
  evaluateSdk(exported, fetch);
  return exported as typeof GoogleSdk;
}

export const gemini: VendorGenerate = async (call, { apiKey, baseUrl }, fetch) => {
  const warnings = new Warnings('gemini');
  const sdk = new (sdkOver(fetch).GoogleGenerativeAI)(apiKey ?? '');
  const model = sdk.getGenerativeModel({ model: safeModelPath(call.model) }, { baseUrl });
  const { response } = await model.generateContent(toRequest(call));
  return readResponse(response, call, warnings);
};

/** The SDK puts the model into the URL as it is, and callers choose models: nothing that could lead elsewhere. */
function safeModelPath(model: string): string {
  if (/^[\w.:@/-]+$/.test(model) && !model.includes('..') && !model.includes('//')) return model;
  throw new ProviderError('not_found', 'the model name has characters that no Gemini model has');
}

/** The SDK's types lack what the API has gained since, and the SDK passes it on: seed, and plain JSON schemas. */
type GenerationConfig = GoogleSdk.GenerationConfig & { seed?: number; responseJsonSchema?: Record<string, unknown> };

function toRequest(call: ProviderCall): GoogleSdk.GenerateContentRequest {
  const { responseFormat } = call;
  const wantsJson = responseFormat?.type === 'json' || responseFormat?.type === 'json_schema';
  const generationConfig: GenerationConfig = {
    maxOutputTokens: call.maxTokens,
    temperature: call.temperature,
    topP: call.topP,
    stopSequences: call.stop,
    seed: call.seed,
    responseMimeType: wantsJson ? 'application/json' : undefined,
    responseJsonSchema: responseFormat?.type === 'json_schema' ? responseFormat.schema : undefined,
  };
  return {
    contents: turns(call).map(({ role, content }) => ({
      role: role === 'assistant' ? 'model' : role,
      parts: [{ text: content }],
    })),
    systemInstruction: hoistSystem(call),
    generationConfig,
  };
}

const part = z.object({ text: z.string().optional(), thought: z.boolean().optional() });
const responseShape = z
  .object({
    candidates: z
      .array(z.object({ content: z.object({ parts: z.array(part).optional() }).nullish(), finishReason: z.string().nullish() }))
      .default([]),
    promptFeedback: z.object({ blockReason: z.string().nullish() }).nullish(),
    usageMetadata: z
      .object({
        promptTokenCount: tokenCount,
        cachedContentTokenCount: tokenCount,
        toolUsePromptTokenCount: tokenCount,
        candidatesTokenCount: tokenCount,
        thoughtsTokenCount: tokenCount,
      })
      .nullish()
      .catch(undefined),
    modelVersion: z.string().nullish(),
    responseId: z.string().nullish().catch(undefined),
  })
  .refine(({ candidates, promptFeedback }) => candidates.length > 0 || promptFeedback?.blockReason);
type Response = z.infer<typeof responseShape>;

// Source: https://ai.google.dev/api/generate-content#FinishReason
const FILTERED = ['SAFETY', 'RECITATION', 'LANGUAGE', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'IMAGE_SAFETY', 'MODEL_ARMOR'];

/** No candidate means a blocked prompt: the shape has been checked for the reason. */
function finishReasonOf({ candidates }: Response): FinishReason {
  const [candidate] = candidates;
  if (!candidate) return 'content_filter';
  if (candidate.finishReason === 'STOP') return 'stop';
  if (candidate.finishReason === 'MAX_TOKENS') return 'length';
  return FILTERED.includes(candidate.finishReason ?? '') ? 'content_filter' : 'other';
}

function readResponse(raw: unknown, call: ProviderCall, warnings: Warnings): VendorAnswer {
  const response = responseShape.parse(raw);
  const parts = response.candidates[0]?.content?.parts ?? [];
  return {
    content: parts.map(({ text, thought }) => (thought === true ? '' : (text ?? ''))).join(''),
    finishReason: finishReasonOf(response),
    servedModel: response.modelVersion || call.model,
    responseId: response.responseId ?? null,
    tokens: bucketsOr(warnings, geminiBuckets(response.usageMetadata)),
    warnings: warnings.list,
  };
}

/** The prompt count includes what came from the cache; thoughts come on top of the candidates. */
function geminiBuckets(usage: Response['usageMetadata']): TokenBuckets | undefined {
  if (!usage) return undefined;
  const prompt = (usage.promptTokenCount ?? 0) + (usage.toolUsePromptTokenCount ?? 0);
  const cacheRead = Math.min(prompt, usage.cachedContentTokenCount ?? 0);
  const reasoning = usage.thoughtsTokenCount ?? 0;
  const output = (usage.candidatesTokenCount ?? 0) + reasoning;
  return { uncachedInput: prompt - cacheRead, cacheRead, cacheWrite: 0, cacheWrite1h: 0, output, reasoning };
}
