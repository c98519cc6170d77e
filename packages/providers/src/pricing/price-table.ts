/** The price table, @pydantic/genai-prices: the bundled one, or a newer one that price-refresh.ts has put in its place. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { calcPrice, type ModelPrice, type Usage } from '@pydantic/genai-prices';
import { inputTokens, usdToNano, type ProviderType, type TokenBuckets } from '@llm-gateway/shared';
import { z } from 'zod';
import { effectiveBaseUrl } from '../base-url.js';
import { unpriced, type PricedCall, type PricedTokens } from './priced-tokens.js';

/** Types that are one vendor whatever URL leads there (a proxy keeps the vendor's prices). The others are whom their URL says. */
const TABLE_IDS: Partial<Record<ProviderType, string>> = {
  claude: 'anthropic',
  openai: 'openai',
  gemini: 'google',
  mistral: 'mistral',
};
/** True where a model costs the same whatever the URL: the table's price is then known without the provider's configuration. */
export const isPricedAnywhere = (type: ProviderType): boolean => type in TABLE_IDS;

/** Llama is Together AI's, unless its URL says otherwise. */
const TOGETHER = 'together';

/** Which table it is stands on every row that it prices. Changed with the table, and by nobody else. */
export const tableInUse = { version: `genai-prices@${installedVersion()}` };

export const VENDOR_IDS: readonly string[] = [...Object.values(TABLE_IDS), TOGETHER];

/** Read from the package, because the version stands on every row. Its manifest is not among its exports, so by path. */
function installedVersion(): string {
  const entry = pathToFileURL(createRequire(import.meta.url).resolve('@pydantic/genai-prices'));
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', entry), 'utf8'));
  return z.object({ version: z.string() }).parse(manifest).version;
}

export function priceFromTable({ type, baseUrl, model, tokens, at }: PricedCall): PricedTokens {
  const where = tableEntry(type, baseUrl);
  const result = calcPrice(toUsage(tokens), model.replace(/^models\//, ''), { ...where, timestamp: at });
  if (!result) return unpriced(`no price for model ${model} of provider type ${type} in price table ${tableInUse.version}`);
  const unknown = unpricedKind(result.model_price, tokens);
  if (unknown) return unpriced(`no price for ${unknown} tokens of model ${model} in price table ${tableInUse.version}`);
  // Without its own price the table would count a 1-hour write as a 5-minute one, which costs 1.25 instead of 2 times the
  // input. Source: https://platform.claude.com/docs/en/about-claude/pricing (prompt caching).
  if (tokens.cacheWrite1h > 0 && result.model_price['cache_write_1h_mtok'] === undefined) {
    return unpriced(`no price for 1-hour cache writes of model ${model} in price table ${tableInUse.version}`);
  }
  return { costNanoUsd: usdToNano(result.total_price), unpricedReason: null, priceVersion: tableInUse.version };
}

/**
 * A model may be priced by the page or by the hour of sound alone: the library then counts its tokens for nothing. Without any price it is
 * free, as the table words it. Cached input without a price of its own costs as input, which the library knows.
 */
function unpricedKind(prices: ModelPrice, tokens: TokenBuckets): 'input' | 'output' | null {
  if (Object.keys(prices).length === 0) return null;
  if (prices['input_mtok'] === undefined && inputTokens(tokens) > 0) return 'input';
  return prices['output_mtok'] === undefined && tokens.output > 0 ? 'output' : null;
}

function tableEntry(type: ProviderType, baseUrl: string | null): { providerId: string } | { providerApiUrl: string } {
  const id = TABLE_IDS[type];
  return id ? { providerId: id } : { providerApiUrl: effectiveBaseUrl(type, baseUrl) };
}

/** The table's totals include their parts: input all cached tokens, cache writes those of one hour. */
function toUsage(tokens: TokenBuckets): Usage {
  return {
    input_tokens: inputTokens(tokens),
    cache_read_tokens: tokens.cacheRead,
    cache_write_tokens: tokens.cacheWrite + tokens.cacheWrite1h,
    cache_write_1h_tokens: tokens.cacheWrite1h,
    output_tokens: tokens.output,
  };
}
