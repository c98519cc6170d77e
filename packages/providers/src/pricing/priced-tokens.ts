import type { NanoUsd, ProviderPricing, ProviderType, TokenBuckets } from '@llm-gateway/shared';

export interface PricedTokens {
  costNanoUsd: NanoUsd | null;
  /** Why there is no cost; null where there is one. */
  unpricedReason: string | null;
  /** The table and its version, or `provider` for the provider's own pricing; null where nothing was priced. */
  priceVersion: string | null;
}

export interface PricedCall {
  type: ProviderType;
  baseUrl: string | null;
  model: string;
  tokens: TokenBuckets;
  /** When the call was made: prices have histories. */
  at: Date;
  /** The provider's own prices; they beat the table. */
  pricing: ProviderPricing | null;
}

export const unpriced = (unpricedReason: string): PricedTokens => ({ costNanoUsd: null, unpricedReason, priceVersion: null });
