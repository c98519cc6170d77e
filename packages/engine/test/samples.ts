/** Requests and providers for the engine's tests. */
import { generateRequest, type GenerateInput, type GenerateRequest, type ProviderConfig } from '@llm-gateway/shared';

export const request = (input: Partial<GenerateInput> = {}): GenerateRequest =>
  generateRequest.parse({ service: 'blog', ...(input.messages ? {} : { prompt: 'Say hello' }), ...input });

export const providerConfig = (overrides: Partial<ProviderConfig> = {}): ProviderConfig => ({
  id: '0b0c6a52-8f0e-4b5e-9d0e-0d9f4c4f2a11',
  name: 'openai-main',
  type: 'openai',
  apiKeyCiphertext: null,
  apiKeyHint: null,
  previousKeyCiphertext: null,
  previousKeyUntil: null,
  baseUrl: null,
  defaultModel: 'gpt-4o-mini',
  models: [],
  priority: 1,
  enabled: true,
  rpmLimit: null,
  tpmLimit: null,
  maxConcurrency: null,
  timeoutMs: null,
  maxRetries: 0,
  pricing: null,
  standIn: false,
  version: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  ...overrides,
});
