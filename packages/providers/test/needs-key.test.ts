import { describe, expect, it } from '@jest/globals';
import { PROVIDER_TYPES, type ProviderError } from '@llm-gateway/shared';
import { createProvider, needsKey, parseEgressAllow } from '../src/index.js';

const PROXY = 'http://127.0.0.1:1/v1';
const call = { model: 'm', messages: [{ role: 'user' as const, content: 'hi' }], timeoutMs: 5_000 };

describe('a provider without a key', () => {
  it.each(PROVIDER_TYPES)('is refused by the rule exactly where its calls are: %s', async (type) => {
    const egressAllow = parseEgressAllow('127.0.0.0/8');
    const provider = createProvider({ type, apiKey: null, baseUrl: PROXY, egressAllow });
    const fault = await provider
      .generate(call, new AbortController().signal)
      .catch((error: unknown) => (error as ProviderError).fault);
    // Nobody listens there: a call that was made fails on the way.
    expect(fault).toBe(needsKey(type, PROXY) ? 'auth' : 'network');
  });

  it('can work as custom, and as Llama anywhere but at Together', () => {
    expect(PROVIDER_TYPES.filter((type) => !needsKey(type, PROXY))).toEqual(['llama', 'custom']);
    expect([null, 'https://api.together.xyz/v1', 'https://api.together.xyz/v1/'].map((url) => needsKey('llama', url))).toEqual([
      true,
      true,
      true,
    ]);
  });
});
