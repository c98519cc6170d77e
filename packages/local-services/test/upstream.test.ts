import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { PROVIDER_TYPES, type ProviderType } from '@llm-gateway/shared';
import { startUpstream, type Upstream } from '../src/index.js';

let upstream: Upstream;
beforeAll(async () => void (upstream = await startUpstream()));
beforeEach(() => upstream.reset());
afterAll(() => upstream.stop());

const PATHS: Record<ProviderType, string> = {
  claude: '/v1/messages',
  gemini: '/v1beta/models/m-1:generateContent',
  openai: '/chat/completions',
  llama: '/chat/completions',
  mistral: '/v1/chat/completions',
  custom: '/chat/completions',
};

const BODIES: Record<'chat' | 'gemini', object> = {
  chat: { model: 'm-1', messages: [{ role: 'user', content: 'good morning' }] },
  gemini: { contents: [{ role: 'user', parts: [{ text: 'good morning' }] }] },
};

function call(type: ProviderType, options: { label?: string; signal?: AbortSignal } = {}): Promise<Response> {
  return fetch(upstream.baseUrlFor(type, options.label) + PATHS[type], {
    method: 'POST',
    headers: { authorization: 'Bearer secret-1', 'x-api-key': 'secret-1', 'x-goog-api-key': 'secret-1' },
    body: JSON.stringify(BODIES[type === 'gemini' ? 'gemini' : 'chat']),
    ...(options.signal && { signal: options.signal }),
  });
}

const json = async (response: Response): Promise<unknown> => response.json();

describe('the stand-in for the vendors', () => {
  it.each(PROVIDER_TYPES)('records who asked %s for what', async (type) => {
    expect((await call(type, { label: 'second' })).status).toBe(200);
    expect(upstream.calls).toMatchObject([
      { type, label: 'second', model: 'm-1', prompt: 'good morning', apiKey: 'secret-1', number: 1 },
    ]);
  });

  const usage = { uncachedInput: 5, cacheRead: 3, cacheWrite: 2, cacheWrite1h: 1, output: 7, reasoning: 4 };
  it.each([
    ['openai', { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18, prompt_tokens_details: { cached_tokens: 3 } }],
    ['claude', { input_tokens: 5, cache_read_input_tokens: 3, cache_creation_input_tokens: 3, output_tokens: 7 }],
  ] as const)('writes token counts as %s does', async (type, expected) => {
    upstream.respond({ usage, content: 'x' });
    expect(await json(await call(type))).toMatchObject({ usage: expected });
  });

  it('writes token counts as gemini does, with thoughts beside the answer', async () => {
    upstream.respond({ usage });
    expect(await json(await call('gemini'))).toMatchObject({
      usageMetadata: {
        promptTokenCount: 11,
        cachedContentTokenCount: 3,
        candidatesTokenCount: 3,
        thoughtsTokenCount: 4,
        totalTokenCount: 18,
      },
    });
  });

  it("sends an error in the vendor's own shape, with its headers", async () => {
    upstream.respond({ status: 429, message: 'slow down', headers: { 'retry-after': '5' } });
    const [openai, claude, gemini] = await Promise.all([call('openai'), call('claude'), call('gemini')]);
    expect([openai.status, openai.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await json(openai)).toMatchObject({ error: { message: 'slow down', type: 'rate_limit_exceeded' } });
    expect(await json(claude)).toMatchObject({ type: 'error', error: { type: 'rate_limit_error', message: 'slow down' } });
    expect(await json(gemini)).toMatchObject({ error: { code: 429, message: 'slow down', status: 'RESOURCE_EXHAUSTED' } });
  });

  it('sends exact bytes when told so', async () => {
    upstream.respond({ body: '<html>', headers: { 'content-type': 'text/html' } });
    const response = await call('mistral');
    expect([response.headers.get('content-type'), await response.text()]).toEqual(['text/html', '<html>']);
  });

  it.each(['headers', 'body'] as const)(
    'hangs before the end of the %s until the caller gives up, and says that it did',
    async (hang) => {
      upstream.respond({ hang });
      const caller = new AbortController();
      const answer = call('openai', { signal: caller.signal }).then((response) => response.text());
      await upstream.received(1);
      expect(upstream.counts).toEqual({ total: 1, open: 1, peak: 1 });
      caller.abort();
      await expect(answer).rejects.toThrow(/abort/);
      while (upstream.counts.open > 0) await new Promise(setImmediate);
      expect(upstream.calls).toMatchObject([{ outcome: 'hung_up' }]);
    },
  );

  it.each(['headers', 'body'] as const)('cuts the connection in the %s', async (cut) => {
    upstream.respond({ cut });
    await expect(call('openai').then((response) => response.text())).rejects.toThrow(/fetch failed|terminated/);
  });

  it('drips a body in pieces that add up', async () => {
    upstream.respond({ body: { a: 'dripped' }, drip: { everyMs: 1, bytes: 4 } });
    expect(await json(await call('openai'))).toEqual({ a: 'dripped' });
  });

  it('delays an answer, and counts how many calls were open at once', async () => {
    upstream.respond({ delayMs: 50 });
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 8 }, () => call('claude').then((response) => response.text())));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(49);
    expect(upstream.counts).toMatchObject({ total: 8, peak: 8 });
  });

  it('refuses a path that the vendor does not have, so that a wrong base URL shows', async () => {
    expect((await fetch(`${upstream.baseUrlFor('openai')}/v1/chat/completions`, { method: 'POST', body: '{}' })).status).toBe(
      404,
    );
    expect(upstream.counts.total).toBe(0);
  });
});
