import { inputTokens, usdToNano, type NanoUsd, type ProviderPricing, type TokenBuckets } from '@llm-gateway/shared';
import { priceFromTable } from './price-table.js';
import { unpriced, type PricedCall, type PricedTokens } from './priced-tokens.js';

/** What a call cost. An unknown price is null with a reason, never 0. */
export function priceCall(call: PricedCall): PricedTokens {
  // Every call has input. A vendor that reports none has reported nothing that could be priced, unless everything is free.
  if (inputTokens(call.tokens) === 0 && !isFree(call.pricing)) return unpriced('the provider reported no input tokens');
  if (call.pricing) return { costNanoUsd: ownPrice(call.tokens, call.pricing), unpricedReason: null, priceVersion: 'provider' };
  return priceFromTable(call);
}

/**
 * What an attempt cost: priced under the name of the model that answered, or where no price is known under that name, of the one
 * that was asked for. @param servedModel null where no answer was seen.
 */
export function priceAttempt(call: PricedCall, servedModel: string | null): PricedTokens {
  if (servedModel === null || servedModel === call.model) return priceCall(call);
  const served = priceCall({ ...call, model: servedModel });
  return served.costNanoUsd === null ? priceCall(call) : served;
}

const isFree = (pricing: ProviderPricing | null): boolean =>
  pricing !== null && Object.values(pricing).every((price) => price === 0);

/** One operator price for cache writes, whatever their lifetime; cached and written tokens cost as input unless said otherwise. */
function ownPrice(tokens: TokenBuckets, pricing: ProviderPricing): NanoUsd {
  const input = pricing.input_per_mtok;
  const perMillion =
    tokens.uncachedInput * input +
    tokens.cacheRead * (pricing.cached_input_per_mtok ?? input) +
    (tokens.cacheWrite + tokens.cacheWrite1h) * (pricing.cache_write_per_mtok ?? input) +
    tokens.output * pricing.output_per_mtok;
  return usdToNano(perMillion / 1_000_000);
}
