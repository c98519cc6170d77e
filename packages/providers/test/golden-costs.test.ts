/**
 * Recorded vendor answers (fixtures/README.md says whose), replayed through their adapters, and what they cost worked out by hand from the
 * price that the vendor published for the time of the recording: tokens × USD per million tokens × 1,000, in nano-dollars. The ninth decimal of
 * a dollar is the last digit of each number here.
 */
import { describe, expect, it } from '@jest/globals';
import { NANO_PER_USD, PROVIDER_TYPES, type ProviderPricing, type ProviderType } from '@llm-gateway/shared';
import { priceAttempt } from '../src/index.js';
import { generate } from './support/calls.js';
import { answering, fixture, startVendor } from './support/vendor-server.js';

interface Recording {
  type: ProviderType;
  body: object;
  /** When it was recorded: prices have histories. */
  at: string;
  /** Where the price is published. */
  source: string;
  /** Of a custom provider, whose vendor is known by its address. */
  baseUrl?: string;
  /** Of a provider whose operator gives its prices. */
  pricing?: ProviderPricing;
}

/** Its cost as the gateway would have it on the attempt's row. The model that was asked for has no price: the one that served counts. */
async function costOf({ type, body, at, baseUrl, pricing }: Recording) {
  const server = await startVendor(answering(200, body));
  const { tokens, servedModel } = await generate(type, server.url).finally(() => server.stop());
  const call = { type, model: 'a-name-without-a-price', tokens, at: new Date(at) };
  return priceAttempt({ ...call, baseUrl: baseUrl ?? null, pricing: pricing ?? null }, servedModel);
}

const OPENAI = 'https://platform.openai.com/docs/pricing';
const CLAUDE = 'https://platform.claude.com/docs/en/about-claude/pricing';
const GEMINI = 'https://ai.google.dev/gemini-api/docs/pricing';
const MISTRAL = 'https://mistral.ai/pricing#api-pricing';
/** Cached tokens at a tenth of the input's price. */
const MISTRAL_CACHE = 'https://docs.mistral.ai/studio-api/conversations/advanced/prompt-caching';
const TOGETHER = 'https://www.together.ai/pricing';
/** "Select serverless chat models bill cached input tokens at a steep discount": those that its catalogue gives a cached price. */
const TOGETHER_CACHE = 'https://docs.together.ai/docs/inference/pricing';
const XAI = 'https://docs.x.ai/docs/models';
const OPENROUTER = 'https://openrouter.ai/anthropic/claude-sonnet-4.6';

const recorded = (type: ProviderType, name: string, at: string, source: string, baseUrl?: string): Recording => ({
  type,
  body: fixture(`${type}/${name}`),
  at,
  source,
  ...(baseUrl !== undefined && { baseUrl }),
});

const RECORDINGS: [what: string, Recording, nano: number][] = [
  // gpt-4.1-nano: $0.10 in, $0.40 out
  ['openai: input and output', recorded('openai', 'text', '2025-06-01', OPENAI), 16 * 100 + 363 * 400],
  // o3-mini: $1.10 in, $4.40 out; of the 87 tokens of output 64 are reasoning
  ['openai: reasoning as output, once', recorded('openai', 'reasoning', '2026-06-15', OPENAI), 7 * 1_100 + 87 * 4_400],
  // gpt-5.6-sol until its price fell: $5 in, $0.50 cached, $6.25 cache write, $30 out
  [
    'openai: cache writes beside the input',
    recorded('openai', 'cache-write', '2026-07-15', OPENAI),
    8 * 5_000 + 4_012 * 6_250 + 4 * 30_000,
  ],
  [
    'openai: cached tokens out of the input',
    recorded('openai', 'cache-read', '2026-07-15', OPENAI),
    8 * 5_000 + 4_012 * 500 + 4 * 30_000,
  ],
  // Sonnet 4.5: $3 in, $0.30 cache hit, $3.75 5-minute write, $15 out
  ['claude: input and output', recorded('claude', 'text', '2025-12-01', CLAUDE), 12 * 3_000 + 29 * 15_000],
  [
    'claude: cache hits and 5-minute writes beside the input',
    recorded('claude', 'cached', '2025-12-01', CLAUDE),
    3 * 3_000 + 1_111 * 300 + 418 * 3_750 + 33 * 15_000,
  ],
  // Opus 5: $5 in, $25 out; of the 1,699 tokens of output 139 are thinking
  ['claude: thinking as output, once', recorded('claude', 'thinking', '2026-08-01', CLAUDE), 51 * 5_000 + 1_699 * 25_000],
  // 3 Pro Preview up to 200,000 tokens: $2 in, $12 out; 28 tokens of answer and 244 of thoughts
  [
    'gemini: thoughts on top of the answer',
    recorded('gemini', 'thoughts', '2025-12-01', GEMINI),
    9 * 2_000 + (28 + 244) * 12_000,
  ],
  // 2.5 Flash: $0.30 in, $0.03 cached, $2.50 out; 3,520 tokens of prompt, of which 3,512 cached
  [
    'gemini: cached tokens out of the prompt',
    recorded('gemini', 'cached', '2026-05-01', GEMINI),
    8 * 300 + 3_512 * 30 + (2 + 42) * 2_500,
  ],
  // Mistral Small 3.2: $0.10 in, $0.30 out. Magistral Medium: $2 in, $5 out
  ['mistral: input and output', recorded('mistral', 'text', '2026-01-22', MISTRAL), 13 * 100 + 434 * 300],
  ['mistral: a reasoning model', recorded('mistral', 'reasoning', '2026-01-22', MISTRAL), 10 * 2_000 + 46 * 5_000],
  // Llama 3.1 8B Instruct Turbo: $0.18 in and out
  ['llama: Together AI', recorded('llama', 'text', '2024-08-20', TOGETHER), (22 + 44) * 180],
  // Grok 3 Mini: $0.30 in, $0.075 cached, $0.50 out; reasoning comes on top of the completion
  [
    'custom: xAI, reasoning beside the completion',
    recorded('custom', 'xai-reasoning', '2026-02-10', XAI, 'https://api.x.ai/v1'),
    10 * 300 + 2 * 75 + (1 + 228) * 500,
  ],
  // Claude Sonnet 4.6 there: $3 in, $0.30 cached, $3.75 cache write, $15 out
  [
    'custom: OpenRouter, cached and written tokens out of the prompt',
    recorded('custom', 'openrouter-cache-write', '2026-03-08', OPENROUTER, 'https://openrouter.ai/api/v1'),
    3 * 3_000 + 3_211 * 300 + 115 * 3_750 + 53 * 15_000,
  ],
];

describe('a recorded answer costs what its vendor bills for it', () => {
  it.each(RECORDINGS)('%s', async (_what, recording, nano) => {
    expect(recording.source).toMatch(/^https:/);
    expect(await costOf(recording)).toEqual({
      costNanoUsd: nano,
      unpricedReason: null,
      priceVersion: expect.stringMatching(/^genai-prices@/),
    });
  });

  it('covers every type', () => {
    expect(new Set(RECORDINGS.map(([, { type }]) => type))).toEqual(new Set(PROVIDER_TYPES));
  });

  it('and where a vendor says in its answer what it bills, that is our number', () => {
    const nanoOf = (what: string) => RECORDINGS.find(([name]) => name.startsWith(what))?.[2];
    const usage = (name: string) => fixture(name)['usage'] as Record<string, number>;
    // https://docs.x.ai/docs/key-information/consumption-and-rate-limits: a tick is 1e-10 USD.
    expect((usage('custom/xai-reasoning')['cost_in_usd_ticks'] ?? 0) / 10).toBe(nanoOf('custom: xAI'));
    expect(Math.round((usage('custom/openrouter-cache-write')['cost'] ?? 0) * NANO_PER_USD)).toBe(nanoOf('custom: OpenRouter'));
  });
});

describe('derived from a recording, as no published one shows it', () => {
  const withUsage = (name: string, usage: object) => {
    const body = fixture(name) as { usage?: object; usageMetadata?: object };
    return body.usage
      ? { ...body, usage: { ...body.usage, ...usage } }
      : { ...body, usageMetadata: { ...body.usageMetadata, ...usage } };
  };

  it('a 1-hour cache write of Claude costs twice the input, a 5-minute one 1.25 times', async () => {
    // Sonnet 4.5: $3 in, $0.30 cache hit, $3.75 and $6 for the writes, $15 out. Of the 418 written tokens 18 for 5 minutes.
    const body = withUsage('claude/cached', {
      cache_creation: { ephemeral_5m_input_tokens: 18, ephemeral_1h_input_tokens: 400 },
    });
    expect(await costOf({ type: 'claude', body, at: '2025-12-01', source: CLAUDE })).toMatchObject({
      costNanoUsd: 3 * 3_000 + 1_111 * 300 + 18 * 3_750 + 400 * 6_000 + 33 * 15_000,
    });
  });

  it('Gemini 3 Pro takes the higher price for the whole call above 200,000 tokens of prompt, and not at them', async () => {
    // Up to 200,000: $2 in, $12 out. Above: $4 in, $18 out.
    const at = (promptTokenCount: number) =>
      costOf({
        type: 'gemini',
        body: withUsage('gemini/thoughts', { promptTokenCount, totalTokenCount: promptTokenCount + 272 }),
        at: '2025-12-01',
        source: GEMINI,
      });
    expect((await at(200_000)).costNanoUsd).toBe(200_000 * 2_000 + 272 * 12_000);
    expect((await at(200_001)).costNanoUsd).toBe(200_001 * 4_000 + 272 * 18_000);
  });

  it('and so it does for cached content, which counts to the length of the prompt', async () => {
    // Up to 200,000: $2 in, $0.20 cached, $12 out. Above: $4 in, $0.40 cached, $18 out.
    const cached = { cachedContentTokenCount: 150_000, cacheTokensDetails: [{ modality: 'TEXT', tokenCount: 150_000 }] };
    const at = (promptTokenCount: number) =>
      costOf({
        type: 'gemini',
        body: withUsage('gemini/thoughts', { ...cached, promptTokenCount, totalTokenCount: promptTokenCount + 272 }),
        at: '2025-12-01',
        source: GEMINI,
      });
    expect((await at(200_000)).costNanoUsd).toBe(50_000 * 2_000 + 150_000 * 200 + 272 * 12_000);
    expect((await at(200_001)).costNanoUsd).toBe(50_001 * 4_000 + 150_000 * 400 + 272 * 18_000);
  });

  it('Claude Sonnet 4.5 does so too, counting what was cached and written, and each of these has its own higher price', async () => {
    // Above 200,000: $6 in, $22.50 out; hits are 0.1 and 5-minute writes 1.25 of the input there as well.
    const at = (input_tokens: number) =>
      costOf({ type: 'claude', body: withUsage('claude/cached', { input_tokens }), at: '2025-12-01', source: CLAUDE });
    const rest = 1_111 + 418;
    expect((await at(200_000 - rest)).costNanoUsd).toBe((200_000 - rest) * 3_000 + 1_111 * 300 + 418 * 3_750 + 33 * 15_000);
    expect((await at(200_001 - rest)).costNanoUsd).toBe((200_001 - rest) * 6_000 + 1_111 * 600 + 418 * 7_500 + 33 * 22_500);
  });

  // Large 3, which the recorded name has meant since 2 December 2025: $0.50 in, $0.05 cached, $1.50 out; 268 tokens of prompt, of which 224 cached.
  const ofLarge3 = 44 * 500 + 224 * 50 + 5 * 1_500;

  it('Mistral takes a tenth of the input for cached tokens, and they are out of the prompt', async () => {
    const body = { ...fixture('mistral/cached'), model: 'mistral-large-2512' };
    expect((await costOf({ type: 'mistral', body, at: '2026-07-24', source: MISTRAL_CACHE })).costNanoUsd).toBe(ofLarge3);
  });

  it('under the name that Mistral moves from model to model this wants its price told, as the table has it at what it meant before', async () => {
    const recording = recorded('mistral', 'cached', '2026-07-24', MISTRAL_CACHE);
    const pricing = { input_per_mtok: 0.5, cached_input_per_mtok: 0.05, output_per_mtok: 1.5 };
    expect((await costOf({ ...recording, pricing })).costNanoUsd).toBe(ofLarge3);
    // Large 2: $2 in, $6 out, none for cached tokens. Where this fails the table knows better, and the operator's price can go.
    expect((await costOf(recording)).costNanoUsd).toBe(268 * 2_000 + 5 * 6_000);
  });

  it('Together AI, which tells cached tokens beside the prompt, has no discount for those of a Llama; of another model it wants the price told', async () => {
    // Llama 3.1 8B Instruct Turbo: $0.18 in and out. Of the 22 tokens of prompt 16 cached.
    const recording = {
      type: 'llama' as const,
      body: withUsage('llama/text', { cached_tokens: 16 }),
      at: '2024-08-20',
      source: TOGETHER_CACHE,
    };
    expect((await costOf(recording)).costNanoUsd).toBe((22 + 44) * 180);
    const pricing = { input_per_mtok: 0.18, cached_input_per_mtok: 0.03, output_per_mtok: 0.18 };
    expect((await costOf({ ...recording, pricing })).costNanoUsd).toBe((6 + 44) * 180 + 16 * 30);
  });

  it('GPT-5.6 Sol above 272,000 tokens of input', async () => {
    // $10 in, $1 cached, $45 out there.
    const body = withUsage('openai/cache-read', { prompt_tokens: 272_001, total_tokens: 272_005 });
    expect((await costOf({ type: 'openai', body, at: '2026-07-15', source: OPENAI })).costNanoUsd).toBe(
      (272_001 - 4_012) * 10_000 + 4_012 * 1_000 + 4 * 45_000,
    );
  });
});
