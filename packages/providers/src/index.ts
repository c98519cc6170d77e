/** The vendors: one Provider interface, six types on the official SDKs, the egress guard, and what a call costs. */
export { effectiveBaseUrl } from './base-url.js';
export { createProvider, loadVendor } from './create-provider.js';
export { checkBaseUrl, checkWebhookUrl } from './egress/check-base-url.js';
export { getDocument } from './egress/get-document.js';
export { postWebhook } from './egress/post-webhook.js';
export { parseEgressAllow, type EgressRules } from './egress/rules.js';
export { needsKey } from './needs-key.js';
export { priceAttempt, priceCall } from './pricing/price-call.js';
export { currentPriceTable, lossesOf, usePriceFile, usePriceTable, type PriceTableInfo } from './pricing/price-refresh.js';
export { isPricedAnywhere } from './pricing/price-table.js';
export type { PricedCall, PricedTokens } from './pricing/priced-tokens.js';
export type { Provider, ProviderAnswer, ProviderCall, ProviderConnection } from './provider.js';
