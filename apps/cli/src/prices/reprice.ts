import type { StoredAttempt } from '@llm-gateway/db';
import { isPricedAnywhere, priceAttempt, type PricedTokens } from '@llm-gateway/providers';
import type { ProviderConfig } from '@llm-gateway/shared';

export type Verdict =
  /** The price that stands is right, or is none and cannot be told today either. */
  | { kind: 'same' }
  | { kind: 'changed'; price: PricedTokens }
  /** The price that stands cannot be worked out today. It is worth more than none. */
  | { kind: 'kept' };

const SAME: Verdict = { kind: 'same' };
const KEPT: Verdict = { kind: 'kept' };

/**
 * What an attempt costs by the prices of today's table at the time of the call, or by its provider's own pricing.
 * @param providers by name, as they are configured now.
 */
export function reprice(attempt: StoredAttempt, providers: ReadonlyMap<string, ProviderConfig>): Verdict {
  // The vendor refused the call: it is not billed, whatever the prices are.
  if (attempt.status === 'error' && !attempt.estimated) return SAME;
  const price = priceToday(attempt, providers);
  const isKnown = attempt.costNanoUsd !== null;
  if (!price || price.costNanoUsd === null) return isKnown ? KEPT : SAME;
  return price.costNanoUsd === attempt.costNanoUsd ? SAME : { kind: 'changed', price };
}

function priceToday(attempt: StoredAttempt, providers: ReadonlyMap<string, ProviderConfig>): PricedTokens | null {
  const { providerType: type, model, servedModel, tokens, createdAt: at } = attempt;
  const provider = providers.get(attempt.provider);
  if (provider?.type === type) {
    return priceAttempt({ type, baseUrl: provider.baseUrl, pricing: provider.pricing, model, tokens, at }, servedModel);
  }
  // The provider is gone, and its own pricing and URL with it.
  if (attempt.priceVersion === 'provider' || !isPricedAnywhere(type)) return null;
  return priceAttempt({ type, baseUrl: null, pricing: null, model, tokens, at }, servedModel);
}
