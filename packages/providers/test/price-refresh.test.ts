import { describe, expect, it } from '@jest/globals';
import { NO_TOKENS } from '@llm-gateway/shared';
import { currentPriceTable, lossesOf, priceCall, usePriceTable, type PriceTableInfo } from '../src/index.js';

const model = (id: string, prices: unknown) => ({ id, match: { equals: id }, prices });
const openai = (...models: unknown[]) =>
  JSON.stringify([{ id: 'openai', name: 'OpenAI', api_pattern: 'https://api\\.openai\\.com', models }]);
const costOf = (name: string) =>
  priceCall({
    type: 'openai',
    baseUrl: null,
    model: name,
    tokens: { ...NO_TOKENS, uncachedInput: 1_000, output: 10 },
    at: new Date('2026-11-24T12:00:00Z'),
    pricing: null,
  });

describe('a newer price table', () => {
  it('prices calls from now on, tiers and histories included, and is named on what it prices', () => {
    const tiered = { input_mtok: { base: 1, tiers: [{ start: 999, price: 3 }] }, output_mtok: 0 };
    const history = [
      { prices: { input_mtok: 1, output_mtok: 0 } },
      { constraint: { type: 'start_date', start_date: '2026-11-24' }, prices: { input_mtok: 5, output_mtok: 0 } },
    ];
    const { version } = usePriceTable(
      openai(model('new-model', { input_mtok: 2, output_mtok: 8 }), model('tiered', tiered), model('dearer', history)),
    );
    expect(version).toMatch(/^genai-prices#[0-9a-f]{12}$/);
    expect(costOf('new-model')).toEqual({ costNanoUsd: 2_080_000, unpricedReason: null, priceVersion: version });
    expect(costOf('tiered').costNanoUsd).toBe(3_000_000);
    expect(costOf('dearer').costNanoUsd).toBe(5_000_000);
    expect(costOf('gpt-4o')).toMatchObject({ costNanoUsd: null, unpricedReason: expect.stringContaining(version) });
  });

  it('has the same name wherever it is used, however it is written', () => {
    const text = openai(model('a', { input_mtok: 1 }));
    expect(usePriceTable(JSON.stringify(JSON.parse(text), null, 2)).version).toBe(usePriceTable(text).version);
    expect(usePriceTable(openai(model('a', { input_mtok: 2 }))).version).not.toBe(usePriceTable(text).version);
  });

  it.each<[string, string, string]>([
    ['a page of HTML', '<html>', 'is not JSON'],
    ['nothing', '[]', 'malformed at its top'],
    ['a negative price', openai(model('m', { input_mtok: -1 })), 'malformed at 0.models.0.prices'],
    ['a price in words', openai(model('m', { input_mtok: '1' })), 'malformed at 0.models.0.prices'],
    ['a model without a name', openai({ match: {}, prices: {} }), 'malformed at 0.models.0.id'],
    ['an unknown kind of history', openai(model('m', [{ constraint: { type: 'moon' }, prices: {} }])), 'price constraint'],
  ])('is refused with %s, and the one in use stays', async (_, text, message) => {
    const { version } = usePriceTable(openai(model('stays', { input_mtok: 1, output_mtok: 0 })));
    expect(() => usePriceTable(text)).toThrow(message);
    expect(await currentPriceTable()).toMatchObject({ version, models: 1 });
    expect(costOf('stays')).toMatchObject({ costNanoUsd: 1_000_000, priceVersion: version });
  });
});

describe('what a newer table has lost', () => {
  const info = (models: number, openaiModels = 40): PriceTableInfo => ({
    version: 'v',
    models,
    vendors: { openai: openaiModels, together: 0 },
  });

  it.each<[string, PriceTableInfo, string[]]>([
    ['nothing, where some models are gone', info(51, 21), []],
    ['half of all', info(50), ['it has 50 models, where 100 are known now']],
    ['half of a vendor, though others grew', info(200, 20), ['it has 20 models of openai, where 40 are known now']],
  ])('is %s', (_, next, losses) => {
    expect(lossesOf(info(100), next)).toEqual(losses);
  });
});
