import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startUpstream, type Upstream } from '@llm-gateway/local-services';
import { createProvider, parseEgressAllow, type ProviderAnswer } from '@llm-gateway/providers';
import { ProviderError, type GenerateRequest, type ProviderConfig } from '@llm-gateway/shared';
import { callProvider } from '../src/attempt/call-provider.js';
import { providerConfig, request } from './samples.js';

let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream();
});
afterAll(() => upstream.stop());
beforeEach(() => upstream.reset());

/** Calls the stand-in vendor through the real adapter. */
function call(asked: GenerateRequest, options: { timeoutMs?: number; deadlineMs?: number; signal?: AbortSignal } = {}) {
  const { timeoutMs = null, deadlineMs = 10_000, signal = new AbortController().signal } = options;
  const config: ProviderConfig = providerConfig({ baseUrl: upstream.baseUrlFor('openai'), timeoutMs });
  const { type, baseUrl } = config;
  const client = createProvider({ type, apiKey: 'sk-test', baseUrl, egressAllow: parseEgressAllow('127.0.0.0/8') });
  const deadline = Date.now() + deadlineMs;
  return callProvider({ config, client }, { request: asked, model: 'gpt-4o-mini', deadline, signal });
}

describe('a provider call', () => {
  it('carries every parameter of the request to the vendor', async () => {
    const answer = await call(
      request({
        system: 'You are terse.',
        max_tokens: 123,
        temperature: 0.3,
        top_p: 0.7,
        stop: 'END',
        seed: 42,
        response_format: { type: 'json_schema', schema: { type: 'object' } },
      }),
    );
    expect((answer as ProviderAnswer).warnings).toEqual([]);
    expect(upstream.calls[0]?.body).toEqual({
      model: 'gpt-4o-mini',
      messages: [
        { role: 'system', content: 'You are terse.' },
        { role: 'user', content: 'Say hello' },
      ],
      max_tokens: 123,
      temperature: 0.3,
      top_p: 0.7,
      stop: ['END'],
      seed: 42,
      response_format: { type: 'json_schema', json_schema: { name: 'response', schema: { type: 'object' }, strict: true } },
    });
  });

  it('adds nothing that was not asked for, and keeps zeros', async () => {
    await call(request());
    await call(request({ temperature: 0, top_p: 0, seed: 0 }));
    const plain = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello' }] };
    expect(upstream.calls.map(({ body }) => body)).toEqual([plain, { ...plain, temperature: 0, top_p: 0, seed: 0 }]);
  });

  it.each([
    ["the provider's own", { timeoutMs: 100 }],
    ["the request's", { deadlineMs: 100, timeoutMs: 60_000 }],
    ["the request's, already past,", { deadlineMs: -1_000 }],
  ])('ends as a timeout at the nearer deadline: %s', async (_whose, options) => {
    upstream.respond({ hang: 'headers' });
    const failure = await call(request(), options);
    expect(failure).toBeInstanceOf(ProviderError);
    expect((failure as ProviderError).fault).toBe('timeout');
  });

  it("gives a vendor's failure as a result", async () => {
    upstream.respond({ status: 503, message: 'overloaded' });
    const failure = await call(request());
    expect(failure).toBeInstanceOf(ProviderError);
    expect(failure).toMatchObject({ fault: 'overloaded', httpStatus: 503 });
  });
});
