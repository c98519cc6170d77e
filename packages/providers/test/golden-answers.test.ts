/** Recorded vendor answers (fixtures/README.md says whose), read into the gateway's words. */
import { describe, expect, it } from '@jest/globals';
import type { ProviderType, TokenBuckets } from '@llm-gateway/shared';
import { generate } from './support/calls.js';
import { answering, fixture, startVendor } from './support/vendor-server.js';

async function read(type: ProviderType, body: unknown) {
  const server = await startVendor(answering(200, body));
  try {
    return await generate(type, server.url);
  } finally {
    await server.stop();
  }
}

const tokens = (given: Partial<TokenBuckets>): TokenBuckets => ({
  ...{ uncachedInput: 0, cacheRead: 0, cacheWrite: 0, cacheWrite1h: 0, output: 0, reasoning: 0 },
  ...given,
});

const ANSWERS: [
  ProviderType,
  string,
  string,
  { finishReason: string; servedModel: string; content?: RegExp | ''; tokens: TokenBuckets },
][] = [
  [
    'openai',
    'openai/text',
    'the dated model that served',
    {
      finishReason: 'stop',
      servedModel: 'gpt-4.1-nano-2025-04-14',
      content: /^\*\*Holiday Name/,
      tokens: tokens({ uncachedInput: 16, output: 363 }),
    },
  ],
  [
    'openai',
    'openai/cache-write',
    'written tokens out of the prompt',
    {
      finishReason: 'stop',
      servedModel: 'gpt-5.6-sol',
      content: /^OK$/,
      tokens: tokens({ uncachedInput: 8, cacheWrite: 4012, output: 4 }),
    },
  ],
  [
    'openai',
    'openai/cache-read',
    'cached tokens out of the prompt',
    {
      finishReason: 'stop',
      servedModel: 'gpt-5.6-sol',
      content: /^OK$/,
      tokens: tokens({ uncachedInput: 8, cacheRead: 4012, output: 4 }),
    },
  ],
  [
    'openai',
    'openai/reasoning',
    'reasoning as a part of the output',
    { finishReason: 'stop', servedModel: 'o3-mini-2025-01-31', tokens: tokens({ uncachedInput: 7, output: 87, reasoning: 64 }) },
  ],
  [
    'claude',
    'claude/text',
    'text blocks',
    {
      finishReason: 'stop',
      servedModel: 'claude-sonnet-4-5-20250929',
      content: /^Hello! I'm doing well/,
      tokens: tokens({ uncachedInput: 12, output: 29 }),
    },
  ],
  [
    'claude',
    'claude/thinking',
    'the text alone, without the thinking',
    {
      finishReason: 'stop',
      servedModel: 'claude-opus-5',
      content: /^## Step 1/,
      tokens: tokens({ uncachedInput: 51, output: 1699, reasoning: 139 }),
    },
  ],
  [
    'claude',
    'claude/cached',
    'cached and written tokens beside the input',
    {
      finishReason: 'stop',
      servedModel: 'claude-sonnet-4-5-20250929',
      tokens: tokens({ uncachedInput: 3, cacheRead: 1111, cacheWrite: 418, output: 33 }),
    },
  ],
  [
    'claude',
    'claude/stop-sequence',
    'a stop sequence as a stop',
    { finishReason: 'stop', servedModel: 'claude-sonnet-4-5-20250929', tokens: tokens({ uncachedInput: 32, output: 5 }) },
  ],
  [
    'claude',
    'claude/refusal',
    'a refusal as filtered and empty',
    {
      finishReason: 'content_filter',
      servedModel: 'claude-fable-5',
      content: '',
      tokens: tokens({ uncachedInput: 18, output: 5 }),
    },
  ],
  [
    'gemini',
    'gemini/thoughts',
    'thoughts on top of the candidates',
    {
      finishReason: 'stop',
      servedModel: 'gemini-3-pro-preview',
      content: /^There are \*\*3\*\*/,
      tokens: tokens({ uncachedInput: 9, output: 272, reasoning: 244 }),
    },
  ],
  [
    'gemini',
    'gemini/cached',
    'cached tokens out of the prompt',
    {
      finishReason: 'stop',
      servedModel: 'gemini-2.5-flash',
      content: /^Paris\.$/,
      tokens: tokens({ uncachedInput: 8, cacheRead: 3512, output: 44, reasoning: 42 }),
    },
  ],
  [
    'gemini',
    'gemini/max-tokens',
    'a truncated answer as length',
    { finishReason: 'length', servedModel: 'gemini-2.5-flash', tokens: tokens({ uncachedInput: 15, output: 5 }) },
  ],
  [
    'gemini',
    'gemini/max-tokens-empty',
    'an answer cut before its first word',
    {
      finishReason: 'length',
      servedModel: 'gemini-2.5-pro',
      content: '',
      tokens: tokens({ uncachedInput: 15, output: 2, reasoning: 2 }),
    },
  ],
  [
    'gemini',
    'gemini/safety',
    'a blocked answer as filtered and empty',
    { finishReason: 'content_filter', servedModel: 'gemini-1.5-flash', content: '', tokens: tokens({ uncachedInput: 14 }) },
  ],
  [
    'gemini',
    'gemini/prompt-blocked',
    'a blocked prompt as filtered and empty',
    { finishReason: 'content_filter', servedModel: 'gemini-2.0-flash', content: '', tokens: tokens({ uncachedInput: 9311 }) },
  ],
  [
    'mistral',
    'mistral/text',
    'plain content',
    {
      finishReason: 'stop',
      servedModel: 'mistral-small-latest',
      content: /^\*\*Holiday Name/,
      tokens: tokens({ uncachedInput: 13, output: 434 }),
    },
  ],
  [
    'mistral',
    'mistral/reasoning',
    'the text part of a content list',
    {
      finishReason: 'stop',
      servedModel: 'magistral-medium-2507',
      content: /^2 \+ 2 = 4$/,
      tokens: tokens({ uncachedInput: 10, output: 46 }),
    },
  ],
  [
    'mistral',
    'mistral/cached',
    'cached tokens out of the prompt',
    {
      finishReason: 'stop',
      servedModel: 'mistral-large-latest',
      content: /^cache probe two\.$/,
      tokens: tokens({ uncachedInput: 44, cacheRead: 224, output: 5 }),
    },
  ],
  [
    'custom',
    'custom/deepseek-cached',
    "DeepSeek's cache hits",
    {
      finishReason: 'stop',
      servedModel: 'deepseek-reasoner',
      content: /San Francisco/,
      tokens: tokens({ uncachedInput: 175, cacheRead: 320, output: 144, reasoning: 118 }),
    },
  ],
  [
    'custom',
    'custom/deepseek-length',
    'a truncated answer as length',
    { finishReason: 'length', servedModel: 'deepseek-chat', tokens: tokens({ uncachedInput: 13, output: 300 }) },
  ],
  [
    'custom',
    'custom/xai-reasoning',
    "xAI's reasoning, which only its total counts",
    {
      finishReason: 'stop',
      servedModel: 'grok-3-mini',
      content: /^Hello$/,
      tokens: tokens({ uncachedInput: 10, cacheRead: 2, output: 229, reasoning: 228 }),
    },
  ],
  [
    'custom',
    'custom/openrouter-cache-write',
    'cached and written tokens out of the prompt',
    {
      finishReason: 'stop',
      servedModel: 'anthropic/claude-4.6-sonnet-20260217',
      tokens: tokens({ uncachedInput: 3, cacheRead: 3211, cacheWrite: 115, output: 53 }),
    },
  ],
];

describe('a recorded answer', () => {
  it.each(ANSWERS)('%s %s: reads %s', async (type, name, _what, expected) => {
    const answer = await read(type, fixture(name));
    expect(answer).toMatchObject({
      finishReason: expected.finishReason,
      servedModel: expected.servedModel,
      tokens: expected.tokens,
      warnings: [],
    });
    if (expected.content !== undefined) expect(answer.content).toMatch(expected.content === '' ? /^$/ : expected.content);
  });

  it('keeps the 1-hour cache writes of Claude apart', async () => {
    const body = fixture('claude/cached');
    const usage = {
      ...(body['usage'] as object),
      cache_creation: { ephemeral_5m_input_tokens: 18, ephemeral_1h_input_tokens: 400 },
    };
    expect((await read('claude', { ...body, usage })).tokens).toMatchObject({ cacheWrite: 18, cacheWrite1h: 400 });
  });

  it.each(['openai', 'llama', 'custom', 'mistral'] as const)(
    '%s: finish reasons come in the words of the contract',
    async (type) => {
      const name = type === 'mistral' ? 'mistral/text' : 'openai/text';
      const finish = async (reason: string) => {
        const body = fixture(name) as { choices: object[] };
        return (await read(type, { ...body, choices: [{ ...body.choices[0], finish_reason: reason }] })).finishReason;
      };
      expect(await Promise.all(['stop', 'length', 'content_filter', 'tool_calls'].map(finish))).toEqual([
        'stop',
        'length',
        'content_filter',
        'other',
      ]);
    },
  );

  it("reads Together's eos as a stop", async () => {
    const body = fixture('openai/text') as { choices: object[] };
    expect((await read('llama', { ...body, choices: [{ ...body.choices[0], finish_reason: 'eos' }] })).finishReason).toBe('stop');
  });

  it("reads OpenAI's refusal of a schema as filtered", async () => {
    const body = fixture('openai/text');
    const choices = [
      { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: null, refusal: 'I cannot help with that.' } },
    ];
    expect(await read('openai', { ...body, choices })).toMatchObject({ content: '', finishReason: 'content_filter' });
  });

  it.each(['openai', 'claude', 'gemini'] as const)('%s: an answer without usage is kept, with a warning', async (type) => {
    const names = { openai: 'openai/text', claude: 'claude/text', gemini: 'gemini/thoughts' };
    const answer = await read(type, { ...fixture(names[type]), usage: undefined, usageMetadata: undefined });
    expect(answer.content).not.toBe('');
    expect(answer).toMatchObject({ tokens: tokens({}), warnings: ['the provider reported no token usage'] });
  });

  it('prefers the request id of the headers to the id in the body', async () => {
    const server = await startVendor(answering(200, fixture('claude/text'), { 'request-id': 'req_from_header' }));
    expect((await generate('claude', server.url)).vendorRequestId).toBe('req_from_header');
    await server.stop();
    expect((await read('claude', fixture('claude/text'))).vendorRequestId).toBe('msg_01VdEjxAP5ahtHKrrRdNBteQ');
  });
});
