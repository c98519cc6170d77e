import { describe, expect, it } from '@jest/globals';
import { createProvider, effectiveBaseUrl } from '../src/index.js';
import { LOOPBACK } from './support/calls.js';

describe('effectiveBaseUrl', () => {
  it.each([
    ['claude', null, 'https://api.anthropic.com'],
    ['openai', null, 'https://api.openai.com/v1'],
    ['gemini', null, 'https://generativelanguage.googleapis.com'],
    ['llama', null, 'https://api.together.xyz/v1'],
    ['mistral', null, 'https://api.mistral.ai'],
  ] as const)('%s is the vendor unless a URL is given', (type, given, expected) => {
    expect(effectiveBaseUrl(type, given)).toBe(expected);
    expect(effectiveBaseUrl(type, 'https://proxy.example/ai')).toBe('https://proxy.example/ai');
  });

  it('is the same for spellings that lead to the same place', () => {
    expect(effectiveBaseUrl('mistral', 'https://api.mistral.ai/v1/')).toBe('https://api.mistral.ai');
    expect(effectiveBaseUrl('claude', 'https://api.anthropic.com/v1')).toBe('https://api.anthropic.com');
    expect(effectiveBaseUrl('gemini', 'https://generativelanguage.googleapis.com/v1beta')).toBe(
      'https://generativelanguage.googleapis.com',
    );
    expect(effectiveBaseUrl('custom', 'https://x.example/v1//')).toBe('https://x.example/v1');
  });

  it('must be given for a custom provider', () => {
    expect(() => createProvider({ type: 'custom', apiKey: null, baseUrl: null, egressAllow: LOOPBACK })).toThrow(
      'a custom provider needs a base_url',
    );
  });
});
