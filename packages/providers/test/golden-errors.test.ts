/** Recorded vendor errors, and everything else that comes instead of an answer. */
import { describe, expect, it } from '@jest/globals';
import { PROVIDER_TYPES, type ProviderType } from '@llm-gateway/shared';
import { failureOf, generate } from './support/calls.js';
import { answering, fixture, startVendor } from './support/vendor-server.js';

async function failureWhenAnswered(type: ProviderType, ...answer: Parameters<typeof answering>) {
  const server = await startVendor(answering(...answer));
  try {
    return await failureOf(generate(type, server.url));
  } finally {
    await server.stop();
  }
}

describe('a recorded error', () => {
  it.each<[ProviderType, string, number, object]>([
    [
      'openai',
      'openai/error-400-parameter',
      400,
      {
        fault: 'invalid_request',
        message: "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      },
    ],
    ['openai', 'openai/error-404-model', 404, { fault: 'not_found' }],
    ['openai', 'openai/error-429-quota', 429, { fault: 'rate_limited', retryAfterMs: undefined }],
    ['openai', 'openai/error-400-content-filter', 400, { fault: 'content_filter' }],
    ['claude', 'claude/error-400', 400, { fault: 'invalid_request', vendorRequestId: 'req_011Ca7jT9AHpgXgdv8igm4z9' }],
    [
      'claude',
      'claude/error-404-model',
      404,
      { fault: 'not_found', message: 'model: claude-sonet-4-5', vendorRequestId: 'req_011CdufXo8Y2LVfY2veyuQWG' },
    ],
    ['claude', 'claude/error-429-rate-limit', 429, { fault: 'rate_limited' }],
    ['claude', 'claude/error-529-overloaded', 529, { fault: 'overloaded', message: 'Overloaded' }],
    ['gemini', 'gemini/error-400-key', 400, { fault: 'auth', message: 'API key not valid. Please pass a valid API key.' }],
    ['gemini', 'gemini/error-404-model', 404, { fault: 'not_found' }],
    [
      'gemini',
      'gemini/error-429-retry-info',
      429,
      { fault: 'rate_limited', retryAfterMs: 34_400, message: 'You exceeded your current quota, please check your plan.' },
    ],
    ['mistral', 'mistral/error-429', 429, { fault: 'rate_limited', message: 'Rate limit exceeded' }],
    ['llama', 'llama/error-429', 429, { fault: 'rate_limited' }],
    ['custom', 'custom/openrouter-error-429', 429, { fault: 'rate_limited', message: 'Provider returned error' }],
    ['custom', 'custom/groq-error-404', 404, { fault: 'not_found' }],
  ])('%s %s is classified, in the words of the vendor', async (type, name, status, expected) => {
    expect(await failureWhenAnswered(type, status, fixture(name))).toMatchObject({ httpStatus: status, ...expected });
  });

  it.each(PROVIDER_TYPES)('%s: every status has its fault', async (type) => {
    const statuses = [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529] as const;
    const failures = await Promise.all(statuses.map((status) => failureWhenAnswered(type, status, { error: { message: 'no' } })));
    expect(failures.map(({ fault }) => fault)).toEqual([
      ...['invalid_request', 'auth', 'auth', 'auth', 'not_found', 'timeout', 'conflict', 'invalid_request', 'invalid_request'],
      ...['rate_limited', 'server_error', 'server_error', 'overloaded', 'timeout', 'overloaded'],
    ]);
  });

  it("reads a 200 that carries a router's upstream error as that error", async () => {
    const failure = await failureWhenAnswered('custom', 200, fixture('custom/openrouter-error-429'));
    expect(failure).toMatchObject({ fault: 'rate_limited', message: 'Provider returned error' });
  });

  it('reads the list of faults of a FastAPI server without its echo of the input', async () => {
    const detail = [{ loc: ['body', 'messages'], msg: 'field required', type: 'missing', input: 'a secret prompt' }];
    expect(await failureWhenAnswered('custom', 422, { detail })).toMatchObject({
      fault: 'invalid_request',
      message: 'field required',
    });
  });
});

describe('the wish to wait', () => {
  it.each([
    ['Retry-After in seconds', { 'retry-after': '1.5' }, 1_500],
    ['retry-after-ms before Retry-After', { 'retry-after-ms': '250', 'retry-after': '1' }, 250],
    ['a date that has passed', { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, 0],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
  ])('is read from %s', async (_what, headers, expected) => {
    expect((await failureWhenAnswered('openai', 429, { error: { message: 'slow' } }, headers)).retryAfterMs).toBe(expected);
  });

  it('is read from a date', async () => {
    const date = new Date(Date.now() + 60_000).toUTCString();
    const failure = await failureWhenAnswered('claude', 529, { error: { message: 'slow' } }, { 'retry-after': date });
    expect(failure.retryAfterMs).toBeGreaterThan(50_000);
    expect(failure.retryAfterMs).toBeLessThanOrEqual(60_000);
  });
});

describe.each(PROVIDER_TYPES)('a %s provider', (type) => {
  const badAnswers: [string, string, Record<string, string>][] = [
    ['an HTML page', '<!doctype html><html><body>Welcome</body></html>', { 'content-type': 'text/html' }],
    ['an empty body', '', {}],
    ['an empty object', '{}', {}],
    ['a list', '[]', {}],
    ['truncated JSON', '{"id":"x","choices":[{"message":{"content":"He', {}],
    ['another shape', '{"choices":"none","content":7,"candidates":{}}', {}],
    ['choices without a message', '{"choices":[{}],"content":[{}],"candidates":[{"content":{"parts":"x"}}]}', {}],
  ];
  it.each(badAnswers)('refuses %s with status 200 as bad_response', async (_what, body, headers) => {
    expect(await failureWhenAnswered(type, 200, body, headers)).toMatchObject({ fault: 'bad_response', httpStatus: 200 });
  });

  it('does not repeat an HTML error page', async () => {
    const page = '<html><body>cf-ray 123</body></html>';
    const failure = await failureWhenAnswered(type, 502, page, { 'content-type': 'text/html' });
    expect(failure).toMatchObject({ fault: 'server_error', message: 'the provider answered with status 502' });
  });

  it('cuts an endless answer at the size cap', async () => {
    let sent = 0;
    const server = await startVendor((response) => {
      const chunk = Buffer.alloc(256 * 1_024, 'x');
      const push = (): void => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
        response.once('drain', push);
      };
      response.writeHead(200, { 'content-type': 'application/json' });
      push();
    });
    const failure = await failureOf(generate(type, server.url));
    expect(failure).toMatchObject({ fault: 'bad_response', message: "the provider's answer is larger than 10000000 bytes" });
    await server.stop();
    expect(sent).toBeLessThan(30_000_000);
  });

  it('follows no redirect', async () => {
    const elsewhere = await startVendor(answering(200, fixture('openai/text')));
    const server = await startVendor(answering(307, '', { location: `${elsewhere.url}/v1/chat/completions` }));
    expect(await failureOf(generate(type, server.url))).toMatchObject({ fault: 'bad_response', httpStatus: 307 });
    expect(elsewhere.received).toEqual([]);
    await Promise.all([server.stop(), elsewhere.stop()]);
  });
});
