import { LLMock, type ChatCompletionRequest, type TextResponse } from '@copilotkit/aimock';
import { estimateTokens, type ProviderType } from '@llm-gateway/shared';
import { VENDOR_WIRES } from './upstream/vendor-wire.js';

export interface StandInOptions {
  /** A free one unless given. */
  port?: number;
}

/** Friendly vendors for a first start without keys. */
export interface StandInProviders {
  readonly port: number;
  /** The base URL to configure a provider of this type with. */
  baseUrlFor(type: ProviderType): string;
  /** How many calls have been answered. */
  requests(): number;
  stop(): Promise<void>;
}

/** Starts aimock on loopback with one answer for everything, with token counts estimated from the texts: left alone, Claude and Gemini would report 0. */
export async function startStandInProviders(options: StandInOptions = {}): Promise<StandInProviders> {
  let answered = 0;
  const mock = new LLMock({ host: '127.0.0.1', port: options.port ?? 0, journalMaxEntries: 1 });
  mock.on({ endpoint: 'chat' }, (request) => {
    answered++;
    return friendlyAnswer(request);
  });
  await mock.start();
  return {
    port: mock.port,
    baseUrlFor: (type) => `http://127.0.0.1:${mock.port}${VENDOR_WIRES[type].basePath}`,
    requests: () => answered,
    stop: () => mock.stop(),
  };
}

function friendlyAnswer(request: ChatCompletionRequest): TextResponse {
  const texts = request.messages.map(({ content }) =>
    typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join(''),
  );
  const text = `Hello from the stand-in for ${request.model}. No provider was asked; you said: ${(texts.at(-1) ?? '').slice(0, 500)}`;
  const wantsJson = request.response_format !== undefined && request.response_format.type !== 'text';
  const content = wantsJson ? JSON.stringify({ answer: text }) : text;
  const input = estimateTokens(texts.join(''));
  const output = estimateTokens(content);
  // One fixture serves all vendors, so it names the counts as each of them does.
  const usage = {
    ...{ prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
    ...{ input_tokens: input, output_tokens: output },
    ...{ promptTokenCount: input, candidatesTokenCount: output, totalTokenCount: input + output },
  };
  return { content, usage };
}
