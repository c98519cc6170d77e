import type { ProviderInput } from '@llm-gateway/db';
import { PROVIDER_TYPES, type ProviderType } from '@llm-gateway/shared';
import type { VendorKeys } from './env.js';

/** For each type of provider, where its key comes from and an inexpensive general model that the price table knows. */
const FIRST_PROVIDERS = {
  claude: { variable: 'ANTHROPIC_API_KEY', model: 'claude-haiku-4-5' },
  openai: { variable: 'OPENAI_API_KEY', model: 'gpt-4o-mini' },
  gemini: { variable: 'GEMINI_API_KEY', model: 'gemini-2.5-flash' },
  llama: { variable: 'TOGETHER_API_KEY', model: 'meta-llama/Llama-3.3-70B-Instruct-Turbo' },
  mistral: { variable: 'MISTRAL_API_KEY', model: 'mistral-small-latest' },
  custom: { variable: null, model: 'stand-in' },
} as const satisfies Record<ProviderType, { variable: keyof VendorKeys | null; model: string }>;

export const VENDOR_VARIABLES = PROVIDER_TYPES.flatMap((type) => FIRST_PROVIDERS[type].variable ?? []);

/** The vendor's key, where one is set. */
export function vendorKey(type: ProviderType, keys: VendorKeys): string | null {
  const { variable } = FIRST_PROVIDERS[type];
  return (variable && keys[variable]) ?? null;
}

/** Types whose models cost the same wherever they are asked for; what an open model costs depends on whose server it is on. */
const PRICED_ANYWHERE: ReadonlySet<ProviderType> = new Set(['claude', 'openai', 'gemini', 'mistral']);

/** A provider with the defaults of the API. */
export function firstProvider(type: ProviderType, where: { apiKey: string } | { baseUrl: string }): ProviderInput {
  return {
    name: `${type}-main`,
    type,
    // Vendors' SDKs want some key, also for a stand-in, who takes any.
    apiKey: 'stand-in',
    baseUrl: null,
    ...where,
    defaultModel: FIRST_PROVIDERS[type].model,
    models: [],
    // In the order of the list: the first is who answers a request that names nobody.
    priority: 100 + PROVIDER_TYPES.indexOf(type) * 10,
    enabled: true,
    rpmLimit: null,
    tpmLimit: null,
    maxConcurrency: null,
    timeoutMs: null,
    maxRetries: 1,
    standIn: 'baseUrl' in where,
    pricing: 'baseUrl' in where && !PRICED_ANYWHERE.has(type) ? { input_per_mtok: 0.88, output_per_mtok: 0.88 } : null,
  };
}
