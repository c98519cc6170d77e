import type { ConfigSnapshot, CustomerOverride, ProviderConfig } from '@llm-gateway/shared';

const NOW = '2026-11-24T00:00:00.000Z';

export function provider(name: string, changes: Partial<ProviderConfig> = {}): ProviderConfig {
  return {
    id: name,
    name,
    type: 'openai',
    apiKeyCiphertext: null,
    apiKeyHint: null,
    previousKeyCiphertext: null,
    previousKeyUntil: null,
    baseUrl: null,
    defaultModel: `${name}-default`,
    models: [],
    priority: 100,
    enabled: true,
    rpmLimit: null,
    tpmLimit: null,
    maxConcurrency: null,
    timeoutMs: null,
    maxRetries: 1,
    pricing: null,
    standIn: false,
    version: 1,
    createdAt: NOW,
    updatedAt: NOW,
    ...changes,
  };
}

export function override(
  customerId: string | null,
  service: string | null,
  target: string,
  changes: Partial<CustomerOverride> = {},
): CustomerOverride {
  const id = `${customerId}/${service}`;
  const row = { id, customerId, service, provider: target, model: null, enabled: true, version: 1 };
  return { ...row, createdAt: NOW, updatedAt: NOW, ...changes };
}

export const snapshot = (providers: ProviderConfig[], overrides: CustomerOverride[] = []): ConfigSnapshot => ({
  version: 1,
  unreadable: [],
  budgets: [],
  providers,
  overrides,
});
