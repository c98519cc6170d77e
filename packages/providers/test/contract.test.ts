/** What every provider type promises, whatever the vendor. A new adapter joins by being in PROVIDER_TYPES. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LLMock, type FixtureFileResponse } from '@copilotkit/aimock';
import { inputTokens, PROVIDER_TYPES, ProviderError } from '@llm-gateway/shared';
import { callTo, failureOf, generate, never, providerAt } from './support/calls.js';
import { startVendor } from './support/vendor-server.js';

// One fixture serves all vendors, so it names the counts as each of them does; aimock's own default is 0 for some.
const USAGE = {
  ...{ prompt_tokens: 11, completion_tokens: 7, total_tokens: 18, input_tokens: 11, output_tokens: 7 },
  ...{ promptTokenCount: 11, candidatesTokenCount: 7, totalTokenCount: 18 },
};
const saying = (content: string): FixtureFileResponse => ({ content, usage: USAGE });

describe.each(PROVIDER_TYPES)('a %s provider', (type) => {
  const mock = new LLMock({ host: '127.0.0.1', port: 0 });

  beforeAll(async () => {
    mock.onMessage('Say hello', saying('Hello!'));
    mock.onMessage('And in French?', saying('Bonjour !'));
    mock.on({ systemMessage: 'You are a pirate', userMessage: 'Greet me' }, saying('Ahoy!'));
    mock.onMessage('a JSON colour', saying('{"colour":"red"}'));
    for (let n = 0; n < 40; n++) mock.onMessage(new RegExp(`^number ${n}$`), saying(`answer ${n}`));
    mock.onMessage('fail with 429', { error: { message: 'slow down' }, status: 429, retryAfter: 7 });
    mock.onMessage('fail with 500', { error: { message: 'it broke' }, status: 500 });
    mock.onMessage('malformed', saying('x'), { chaos: { malformedRate: 1 } });
    mock.onMessage('hang up', saying('x'), { chaos: { disconnectRate: 1 } });
    await mock.start();
  });
  afterAll(() => mock.stop());

  const ask = (content: string) => generate(type, mock.url + versionPath(type), { messages: [{ role: 'user', content }] });

  it('answers a prompt with content, finish reason, model, tokens and no warnings', async () => {
    const answer = await ask('Say hello');
    expect(answer).toMatchObject({ content: 'Hello!', finishReason: 'stop', servedModel: callTo(type).model, warnings: [] });
    expect(inputTokens(answer.tokens)).toBe(11);
    expect(answer.tokens.output).toBe(7);
    expect(answer.vendorRequestId).toEqual(expect.any(String));
  });

  it('keeps the order of a conversation of several turns', async () => {
    const messages = [
      { role: 'user' as const, content: 'Say hello' },
      { role: 'assistant' as const, content: 'Hello!' },
      { role: 'user' as const, content: 'And in French?' },
    ];
    expect((await generate(type, mock.url + versionPath(type), { messages })).content).toBe('Bonjour !');
  });

  it('passes the system text on, given apart or as a message', async () => {
    const user = { role: 'user' as const, content: 'Greet me' };
    const apart = await generate(type, mock.url + versionPath(type), { system: 'You are a pirate', messages: [user] });
    const within = await generate(type, mock.url + versionPath(type), {
      messages: [{ role: 'system', content: 'You are a pirate' }, user],
    });
    expect([apart.content, within.content]).toEqual(['Ahoy!', 'Ahoy!']);
  });

  it('answers with JSON when asked for it', async () => {
    const messages = [{ role: 'user' as const, content: 'a JSON colour' }];
    const answer = await generate(type, mock.url + versionPath(type), { messages, responseFormat: { type: 'json' } });
    expect(JSON.parse(answer.content)).toEqual({ colour: 'red' });
  });

  it('reports a 429 as rate_limited with the wish to wait', async () => {
    expect(await failureOf(ask('fail with 429'))).toMatchObject({ fault: 'rate_limited', httpStatus: 429, retryAfterMs: 7_000 });
  });

  it('reports a 500 as server_error in the words of the vendor', async () => {
    expect(await failureOf(ask('fail with 500'))).toMatchObject({ fault: 'server_error', httpStatus: 500, message: 'it broke' });
  });

  it('reports malformed JSON as bad_response', async () => {
    expect((await failureOf(ask('malformed'))).fault).toBe('bad_response');
  });

  it('reports a dropped connection as network', async () => {
    expect((await failureOf(ask('hang up'))).fault).toBe('network');
  });

  it('makes one HTTP call per call: it never retries', async () => {
    mock.clearRequests();
    await failureOf(ask('fail with 500'));
    expect(mock.getRequests()).toHaveLength(1);
  });

  it('gives each of many concurrent calls its own answer', async () => {
    const provider = providerAt(type, mock.url + versionPath(type));
    const asked = Array.from({ length: 40 }, (_, n) => callTo(type, { messages: [{ role: 'user', content: `number ${n}` }] }));
    const answers = await Promise.all(asked.map((call) => provider.generate(call, never())));
    expect(answers.map(({ content }) => content)).toEqual(asked.map((_, n) => `answer ${n}`));
  });
});

/** openai's base URL contains the version; the other SDKs add it. */
const versionPath = (type: string): string => (['claude', 'gemini'].includes(type) ? '' : '/v1');

describe.each(PROVIDER_TYPES)('the clock of a %s provider', (type) => {
  it('ends a call that is never answered at its deadline, and lets the connection go', async () => {
    const server = await startVendor(() => undefined);
    const started = performance.now();
    const failure = await failureOf(generate(type, server.url, { timeoutMs: 300 }));
    expect(failure).toMatchObject({ fault: 'timeout', message: 'no answer within 300 ms' });
    expect(performance.now() - started).toBeLessThan(1_500);
    await untilClosed(server.open);
    await server.stop();
  });

  it('ends a body that drips on at its deadline', async () => {
    let dripping: NodeJS.Timeout | undefined;
    const server = await startVendor((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      dripping = setInterval(() => response.write(' '), 20);
    });
    const started = performance.now();
    expect((await failureOf(generate(type, server.url, { timeoutMs: 300 }))).fault).toBe('timeout');
    expect(performance.now() - started).toBeLessThan(1_500);
    await untilClosed(server.open);
    clearInterval(dripping);
    await server.stop();
  });

  it('ends when its caller aborts, with the reason that was given', async () => {
    const abortAfterArrival = async (reason: unknown) => {
      const controller = new AbortController();
      const server = await startVendor(() => controller.abort(reason));
      const failure = await failureOf(providerAt(type, server.url).generate(callTo(type), controller.signal));
      await untilClosed(server.open);
      await server.stop();
      return failure;
    };
    expect((await abortAfterArrival(new Error('nobody waits'))).fault).toBe('aborted');
    const ours = new ProviderError('timeout', 'the request is over');
    expect(await abortAfterArrival(ours)).toBe(ours);
  });

  it('sends nothing when it is aborted before it begins', async () => {
    const server = await startVendor((response) => response.end());
    expect((await failureOf(providerAt(type, server.url).generate(callTo(type), AbortSignal.abort()))).fault).toBe('aborted');
    expect(server.received).toEqual([]);
    await server.stop();
  });
});

/** Resolves when the server has no connection left; the test's own timeout fails it otherwise. */
async function untilClosed(open: () => number): Promise<void> {
  while (open() > 0) await new Promise((resolve) => setImmediate(resolve));
}
