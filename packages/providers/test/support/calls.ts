import { ProviderError, type ProviderType } from '@llm-gateway/shared';
import { createProvider, parseEgressAllow, type Provider, type ProviderAnswer, type ProviderCall } from '../../src/index.js';

export const LOOPBACK = parseEgressAllow('127.0.0.0/8, ::1');
export const API_KEY = 'test-key-0123456789';

/** A model of each type that takes every parameter. */
export const MODELS: Record<ProviderType, string> = {
  claude: 'claude-haiku-4-5',
  openai: 'gpt-4.1-nano',
  gemini: 'gemini-2.5-flash',
  llama: 'meta-llama/Llama-3.3-70B-Instruct-Turbo',
  mistral: 'mistral-small-latest',
  custom: 'my-model',
};

export const providerAt = (type: ProviderType, url: string, apiKey: string | null = API_KEY): Provider =>
  createProvider({ type, apiKey, baseUrl: url, egressAllow: LOOPBACK });

export function callTo(type: ProviderType, overrides: Partial<ProviderCall> = {}): ProviderCall {
  return { model: MODELS[type], messages: [{ role: 'user', content: 'Say hello' }], timeoutMs: 5_000, ...overrides };
}

export const never = (): AbortSignal => new AbortController().signal;

export const generate = (type: ProviderType, url: string, overrides: Partial<ProviderCall> = {}): Promise<ProviderAnswer> =>
  providerAt(type, url).generate(callTo(type, overrides), never());

/** @returns the ProviderError that a call fails with. @throws when it succeeds or fails with anything else. */
export async function failureOf(work: Promise<unknown>): Promise<ProviderError> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof ProviderError) return outcome;
  throw new Error(`expected a ProviderError, got ${String(outcome)}`);
}
