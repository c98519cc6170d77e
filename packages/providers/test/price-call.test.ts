/** Figures worked out by hand from the vendors' published prices, in nano-dollars: tokens × USD per million × 1,000. */
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { NO_TOKENS, type ProviderPricing, type ProviderType, type TokenBuckets } from '@llm-gateway/shared';
import { priceAttempt, priceCall } from '../src/index.js';

const AT = new Date('2026-11-24T12:00:00Z');
const price = (
  type: ProviderType,
  model: string,
  tokens: Partial<TokenBuckets>,
  more: { baseUrl?: string; pricing?: ProviderPricing; at?: Date } = {},
) =>
  priceCall({
    type,
    model,
    baseUrl: more.baseUrl ?? null,
    tokens: { ...NO_TOKENS, ...tokens },
    at: more.at ?? AT,
    pricing: more.pricing ?? null,
  });

describe('a call priced from the table', () => {
  it.each<[string, ProviderType, string, Partial<TokenBuckets>, number]>([
    // https://openai.com/api/pricing: gpt-4o-mini $0.15 in, $0.075 cached, $0.60 out. 500×150 + 500×75 + 200×600
    [
      'cached input at its own price',
      'openai',
      'gpt-4o-mini-2024-07-18',
      { uncachedInput: 500, cacheRead: 500, output: 200 },
      232_500,
    ],
    // https://openai.com/api/pricing: o3-mini $1.10 in, $4.40 out. 7×1100 + 87×4400
    [
      'reasoning once, within the output',
      'openai',
      'o3-mini-2025-01-31',
      { uncachedInput: 7, output: 87, reasoning: 64 },
      390_500,
    ],
    // https://platform.claude.com/docs/en/about-claude/pricing: Haiku 4.5 $1 in, $0.10 read, $1.25 5-minute write, $2 1-hour write, $5 out
    [
      'each kind of cache use',
      'claude',
      'claude-haiku-4-5-20251001',
      { uncachedInput: 10, cacheRead: 1_000, cacheWrite: 100, cacheWrite1h: 100, output: 20 },
      10 * 1_000 + 1_000 * 100 + 100 * 1_250 + 100 * 2_000 + 20 * 5_000,
    ],
    // https://ai.google.dev/gemini-api/docs/pricing: 2.5 Flash $0.30 in, $0.03 cached, $2.50 out. 8×300 + 3512×30 + 44×2500
    [
      'thoughts at the price of output',
      'gemini',
      'gemini-2.5-flash',
      { uncachedInput: 8, cacheRead: 3_512, output: 44, reasoning: 42 },
      217_760,
    ],
    // https://mistral.ai/pricing: Mistral Small $0.10 in, $0.30 out. 13×100 + 434×300
    ['plain input and output', 'mistral', 'mistral-small-latest', { uncachedInput: 13, output: 434 }, 131_500],
    // https://www.together.ai/pricing: Llama 3.3 70B Turbo $0.88 in and out. (100+50)×880
    ['Together for llama', 'llama', 'meta-llama/Llama-3.3-70B-Instruct-Turbo', { uncachedInput: 100, output: 50 }, 132_000],
  ])('counts %s: %s %s', (_what, type, model, tokens, expected) => {
    expect(price(type, model, tokens)).toEqual({
      costNanoUsd: expected,
      unpricedReason: null,
      priceVersion: expect.stringMatching(/^genai-prices@\d/),
    });
  });

  it('takes the higher price of a long context for the whole call', () => {
    // https://ai.google.dev/gemini-api/docs/pricing: 2.5 Pro above 200,000 tokens $2.50 in, $15 out
    expect(price('gemini', 'gemini-2.5-pro', { uncachedInput: 200_001, output: 10 }).costNanoUsd).toBe(
      200_001 * 2_500 + 10 * 15_000,
    );
  });

  it('names the version of the table that is installed', () => {
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(price('openai', 'gpt-4o-mini', { uncachedInput: 1 }).priceVersion).toBe(
      `genai-prices@${manifest.dependencies['@pydantic/genai-prices']}`,
    );
  });

  it('finds a known vendor behind the URL of a custom or llama provider', () => {
    // https://api-docs.deepseek.com/quick_start/pricing and https://groq.com/pricing have prices; which ones is the table's business.
    expect(
      price('custom', 'deepseek-chat', { uncachedInput: 100, output: 1 }, { baseUrl: 'https://api.deepseek.com/v1' }).costNanoUsd,
    ).toBeGreaterThan(0);
    expect(
      price('llama', 'llama-3.3-70b-versatile', { uncachedInput: 100 }, { baseUrl: 'https://api.groq.com/openai/v1' })
        .costNanoUsd,
    ).toBeGreaterThan(0);
  });
});

describe('a call to the server that its type means unless told', () => {
  it.each<[ProviderType, string, string]>([
    ['claude', 'claude-haiku-4-5', 'https://api.anthropic.com/v1'],
    ['openai', 'gpt-4o-mini', 'https://api.openai.com/v1'],
    ['gemini', 'gemini-2.5-flash', 'https://generativelanguage.googleapis.com/v1beta'],
    ['llama', 'meta-llama/Llama-3.3-70B-Instruct-Turbo', 'https://api.together.xyz/v1'],
    ['mistral', 'mistral-small-latest', 'https://api.mistral.ai/v1'],
  ])('costs the same for %s with and without its URL', (type, model, baseUrl) => {
    const without = price(type, model, { uncachedInput: 100, output: 50 });
    expect(without.costNanoUsd).toBeGreaterThan(0);
    expect(price(type, model, { uncachedInput: 100, output: 50 }, { baseUrl })).toEqual(without);
  });
});

describe('a call without a known price', () => {
  it.each<[string, ProviderType, string, string | undefined]>([
    ['an unknown model', 'openai', 'no-such-model', undefined],
    ['a known model at an unknown server', 'custom', 'gpt-4o', 'https://llm.example/v1'],
    [
      'Together prices for a server that is not Together',
      'llama',
      'meta-llama/Llama-3.3-70B-Instruct-Turbo',
      'http://127.0.0.1:11434/v1',
    ],
  ])('is null with a reason, never 0: %s', (_what, type, model, baseUrl) => {
    expect(price(type, model, { uncachedInput: 10, output: 10 }, { baseUrl })).toEqual({
      costNanoUsd: null,
      unpricedReason: expect.stringMatching(
        new RegExp(`^no price for model ${model} of provider type ${type} in price table genai-prices@`),
      ),
      priceVersion: null,
    });
  });

  it('is null where the vendor reported no usage, even with a price of its own', () => {
    const unknown = { costNanoUsd: null, unpricedReason: 'the provider reported no input tokens', priceVersion: null };
    expect(price('openai', 'gpt-4o-mini', { output: 5 })).toEqual(unknown);
    expect(price('openai', 'gpt-4o-mini', {}, { pricing: { input_per_mtok: 1, output_per_mtok: 1 } })).toEqual(unknown);
  });

  it('is null where 1-hour cache writes have no price, instead of the 5-minute price', () => {
    expect(price('openai', 'gpt-4o-mini', { uncachedInput: 1, cacheWrite1h: 10 })).toMatchObject({
      costNanoUsd: null,
      unpricedReason: expect.stringContaining('1-hour'),
    });
  });

  it.each<[ProviderType, string, Partial<TokenBuckets>, string]>([
    // In the table by the page, by the hour of sound, and for what goes in alone.
    ['mistral', 'mistral-ocr-latest', { uncachedInput: 10 }, 'input'],
    ['mistral', 'voxtral-mini-2602', { cacheRead: 10 }, 'input'],
    ['gemini', 'gemini-embedding-001', { uncachedInput: 10, output: 1 }, 'output'],
  ])('is null where the table has a price, and none for such tokens: %s %s %j', (type, model, tokens, what) => {
    expect(price(type, model, tokens)).toEqual({
      costNanoUsd: null,
      unpricedReason: expect.stringMatching(`^no price for ${what} tokens of model ${model} in price table genai-prices@`),
      priceVersion: null,
    });
  });

  it('is a known 0 where the table says that a model is free', () => {
    expect(price('gemini', 'gemma-3', { uncachedInput: 10, output: 10 })).toMatchObject({ costNanoUsd: 0, unpricedReason: null });
  });
});

describe("a provider's own pricing", () => {
  it('beats the table, for every bucket', () => {
    const pricing = { input_per_mtok: 2, output_per_mtok: 8, cached_input_per_mtok: 0.5, cache_write_per_mtok: 2.5 };
    const tokens = { uncachedInput: 10, cacheRead: 20, cacheWrite: 30, cacheWrite1h: 5, output: 7, reasoning: 3 };
    expect(price('openai', 'gpt-4o-mini', tokens, { pricing })).toEqual({
      costNanoUsd: 10 * 2_000 + 20 * 500 + 35 * 2_500 + 7 * 8_000,
      unpricedReason: null,
      priceVersion: 'provider',
    });
  });

  it('counts cached and written tokens as input where it says nothing of them', () => {
    const pricing = { input_per_mtok: 2, output_per_mtok: 8 };
    expect(
      price('custom', 'mine', { uncachedInput: 1, cacheRead: 1, cacheWrite: 1, cacheWrite1h: 1, output: 1 }, { pricing })
        .costNanoUsd,
    ).toBe(16_000);
  });

  it('may be free: then the cost is a known 0', () => {
    expect(price('custom', 'mine', {}, { pricing: { input_per_mtok: 0, output_per_mtok: 0 } })).toEqual({
      costNanoUsd: 0,
      unpricedReason: null,
      priceVersion: 'provider',
    });
  });

  it('is exact to the nano-dollar', () => {
    expect(
      price('custom', 'mine', { uncachedInput: 3, output: 0 }, { pricing: { input_per_mtok: 0.0333, output_per_mtok: 1 } })
        .costNanoUsd,
    ).toBe(100);
  });
});

describe('an attempt', () => {
  const call = {
    type: 'openai',
    baseUrl: null,
    model: 'gpt-4o',
    tokens: { ...NO_TOKENS, uncachedInput: 1_000 },
    at: AT,
    pricing: null,
  } as const;

  it.each<[string, string | null, number]>([
    // https://openai.com/api/pricing: gpt-4o $2.50, gpt-4o-mini $0.15 a million tokens of input
    ['of the model that has answered', 'gpt-4o-mini-2024-07-18', 150_000],
    ['of the model asked for, where the other name has no price', 'proxy-internal-name', 2_500_000],
    ['of the model asked for, where no answer was seen', null, 2_500_000],
  ])('has the price %s', (_, servedModel, costNanoUsd) => {
    expect(priceAttempt(call, servedModel)).toMatchObject({ costNanoUsd, unpricedReason: null });
  });
});
