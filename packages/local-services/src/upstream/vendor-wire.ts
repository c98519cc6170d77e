/** The vendors' wire formats, as much of them as an answer to one non-streamed call needs. Shapes follow the vendors' API references. */
import { estimateTokens, NO_TOKENS, type FinishReason, type ProviderType, type TokenBuckets } from '@llm-gateway/shared';
import type { UpstreamAnswer, UpstreamCall } from './upstream.js';

type Json = Readonly<Record<string, unknown>>;
type Headers = UpstreamCall['headers'];

interface Answer {
  id: string;
  model: string;
  content: string;
  finishReason: FinishReason;
  tokens: TokenBuckets;
}

/** One vendor: where it listens below the stand-in's address, how it reads a call, how it writes an answer or an error. */
interface VendorWire {
  /** What an SDK of this vendor expects as its base URL, after the stand-in's own path. */
  basePath: string;
  /** The part of the path that follows {@link basePath}. */
  route: RegExp;
  apiKey(headers: Headers): string | undefined;
  model(body: Json, path: string): unknown;
  messages(body: Json): unknown;
  success(answer: Answer): object;
  error(status: number, message: string): object;
}

const FINISH_REASONS = {
  openai: { stop: 'stop', length: 'length', content_filter: 'content_filter', other: 'tool_calls' },
  claude: { stop: 'end_turn', length: 'max_tokens', content_filter: 'refusal', other: 'pause_turn' },
  gemini: { stop: 'STOP', length: 'MAX_TOKENS', content_filter: 'SAFETY', other: 'OTHER' },
  mistral: { stop: 'stop', length: 'length', content_filter: 'error', other: 'tool_calls' },
} satisfies Record<string, Record<FinishReason, string>>;

const bearer = (headers: Headers): string | undefined => /^Bearer (.+)$/.exec(String(headers.authorization))?.[1];

const wholeInput = (t: TokenBuckets): number => t.uncachedInput + t.cacheRead + t.cacheWrite + t.cacheWrite1h;

const chatCompletions = (finish: Record<FinishReason, string>): VendorWire => ({
  basePath: '/v1',
  route: /^\/chat\/completions$/,
  apiKey: bearer,
  model: (body) => body.model,
  messages: (body) => body.messages,
  success: ({ id, model, content, finishReason, tokens }) => ({
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model,
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: finish[finishReason], logprobs: null }],
    usage: {
      prompt_tokens: wholeInput(tokens),
      completion_tokens: tokens.output,
      total_tokens: wholeInput(tokens) + tokens.output,
      prompt_tokens_details: { cached_tokens: tokens.cacheRead },
      completion_tokens_details: { reasoning_tokens: tokens.reasoning },
    },
  }),
  error: (status, message) => ({
    error: { message, type: status === 429 ? 'rate_limit_exceeded' : 'api_error', param: null, code: null },
  }),
});

const claude: VendorWire = {
  basePath: '',
  route: /^\/v1\/messages$/,
  apiKey: (headers) => (headers['x-api-key'] === undefined ? bearer(headers) : String(headers['x-api-key'])),
  model: (body) => body.model,
  messages: (body) => body.messages,
  success: ({ id, model, content, finishReason, tokens }) => ({
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model,
    content: content === '' ? [] : [{ type: 'text', text: content }],
    stop_reason: FINISH_REASONS.claude[finishReason],
    stop_sequence: null,
    usage: {
      input_tokens: tokens.uncachedInput,
      cache_read_input_tokens: tokens.cacheRead,
      cache_creation_input_tokens: tokens.cacheWrite + tokens.cacheWrite1h,
      cache_creation: { ephemeral_5m_input_tokens: tokens.cacheWrite, ephemeral_1h_input_tokens: tokens.cacheWrite1h },
      output_tokens: tokens.output,
    },
  }),
  error: (status, message) => ({ type: 'error', error: { type: CLAUDE_ERRORS[status] ?? 'api_error', message } }),
};

const CLAUDE_ERRORS: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

const gemini: VendorWire = {
  basePath: '',
  route: /^\/v1(?:beta)?\/models\/[^/:]+:generateContent$/,
  apiKey: (headers) => headers['x-goog-api-key']?.toString(),
  model: (_body, path) => /\/models\/([^/:]+):/.exec(path)?.[1],
  messages: (body) => body.contents,
  success: ({ id, model, content, finishReason, tokens }) => ({
    candidates: [
      { content: { role: 'model', parts: [{ text: content }] }, finishReason: FINISH_REASONS.gemini[finishReason], index: 0 },
    ],
    usageMetadata: {
      promptTokenCount: wholeInput(tokens),
      cachedContentTokenCount: tokens.cacheRead,
      candidatesTokenCount: tokens.output - tokens.reasoning,
      thoughtsTokenCount: tokens.reasoning,
      totalTokenCount: wholeInput(tokens) + tokens.output,
    },
    modelVersion: model,
    responseId: id,
  }),
  error: (status, message) => ({
    error: { code: status, message, status: status === 429 ? 'RESOURCE_EXHAUSTED' : 'UNAVAILABLE' },
  }),
};

const openai = chatCompletions(FINISH_REASONS.openai);

export const VENDOR_WIRES: Record<ProviderType, VendorWire> = {
  claude,
  openai,
  gemini,
  llama: openai,
  // Its SDK's base URL ends before the version.
  mistral: { ...chatCompletions(FINISH_REASONS.mistral), basePath: '', route: /^\/v1\/chat\/completions$/ },
  custom: openai,
};

/** The body of an answer, as the vendor of the call would write it. */
export function vendorBody(call: UpstreamCall, answer: UpstreamAnswer): string {
  if (typeof answer.body === 'string') return answer.body;
  if (answer.body !== undefined) return JSON.stringify(answer.body);
  const wire = VENDOR_WIRES[call.type];
  const { status = 200, message = `stand-in error ${status}` } = answer;
  if (status >= 400) return JSON.stringify(wire.error(status, message));
  const content = answer.content ?? `You said: ${call.prompt}`;
  const estimated = { uncachedInput: estimateTokens(call.prompt), output: estimateTokens(content) };
  return JSON.stringify(
    wire.success({
      id: `standin${call.number}`,
      model: answer.servedModel ?? call.model,
      content,
      finishReason: answer.finishReason ?? 'stop',
      tokens: { ...NO_TOKENS, ...(answer.usage ?? estimated) },
    }),
  );
}

/** The text of the last message, whether a vendor spells it as a string or as a list of parts. */
export function lastText(messages: unknown): string {
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  if (!isRecord(last)) return '';
  const content = last.content ?? last.parts;
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: unknown) => (isRecord(part) && typeof part.text === 'string' ? part.text : '')).join('');
}

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null;
