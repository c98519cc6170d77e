import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster, until } from './cluster.js';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start();
  await cluster.provider({ name: 'openai-main', type: 'openai' });
  await cluster.lanesServed(['openai-main']);
}, 60_000);
afterAll(() => cluster.stop(), 60_000);
beforeEach(() => cluster.upstream.reset());

describe('a generate call', () => {
  it('carries every parameter of the request to the vendor', async () => {
    const { status, body } = await cluster.generate({
      system: 'You are terse.',
      messages: [
        { role: 'user', content: 'Say hello' },
        { role: 'assistant', content: 'Hello.' },
        { role: 'user', content: 'Again' },
      ],
      max_tokens: 123,
      temperature: 0.3,
      top_p: 0.7,
      stop: 'END',
      seed: 42,
      response_format: { type: 'json_schema', schema: { type: 'object' } },
    });
    expect([status, body.warnings]).toEqual([200, []]);
    expect(cluster.upstream.calls[0]?.body).toEqual({
      model: 'gpt-4o-mini',
      messages: [
        { role: 'system', content: 'You are terse.' },
        { role: 'user', content: 'Say hello' },
        { role: 'assistant', content: 'Hello.' },
        { role: 'user', content: 'Again' },
      ],
      max_tokens: 123,
      temperature: 0.3,
      top_p: 0.7,
      stop: ['END'],
      seed: 42,
      response_format: { type: 'json_schema', json_schema: { name: 'response', schema: { type: 'object' }, strict: true } },
    });
  });

  it('with another parameter gets no answer of the one before, and the same call again does', async () => {
    const ask = async (temperature: number) => (await cluster.generate({ prompt: 'how warm', temperature })).body.cached;
    expect([await ask(0), await ask(1), await ask(0)]).toEqual([false, false, true]);
    expect(cluster.upstream.counts.total).toBe(2);
  });

  it('that the cache answers is a row that cost nothing, and says what it saved', async () => {
    cluster.upstream.respond({ content: 'Hello.', usage: { uncachedInput: 1_000, output: 100 } });
    const called = await cluster.generate({ prompt: 'saved' });
    const hit = await cluster.generate({ prompt: 'saved' });
    const row = async (id: string) =>
      (await cluster.rows('SELECT cache_status, cost_usd, saved_usd, attempt_count FROM llm_usage_logs WHERE id = $1', [id]))[0];
    await until(async () => Boolean((await row(called.body.id)) && (await row(hit.body.id))), 15_000);
    // https://openai.com/api/pricing: gpt-4o-mini $0.15 / $0.60 per million tokens.
    const price = '0.000210000';
    const nothing = '0.000000000';
    expect(await row(called.body.id)).toEqual({ cache_status: 'MISS', cost_usd: price, saved_usd: nothing, attempt_count: 1 });
    expect(await row(hit.body.id)).toEqual({ cache_status: 'HIT', cost_usd: nothing, saved_usd: price, attempt_count: 0 });
  });

  it('that the cache answers saves what the call that answered has cost, not what was wasted before it', async () => {
    await cluster.provider({ name: 'openai-again', type: 'openai', max_retries: 1 });
    await cluster.lanesServed(['openai-again']);
    // Cut off in its answer: the vendor may bill it, so its cost is estimated, and the call is made again.
    cluster.upstream.respond(({ number }) => ({
      content: 'Hello.',
      usage: { uncachedInput: 1_000, output: 100 },
      ...(number === 1 && { cut: 'body' as const }),
    }));
    const ask = () => cluster.generate({ prompt: 'saved once', provider: 'openai-again' });
    const [called, hit] = [await ask(), await ask()];
    const row = async (id: string) =>
      (
        await cluster.rows('SELECT saved_usd, cost_usd > 0.00021 AS wasted, attempt_count FROM llm_usage_logs WHERE id = $1', [
          id,
        ])
      )[0];
    await until(async () => Boolean((await row(called.body.id)) && (await row(hit.body.id))), 15_000);
    expect(await row(called.body.id)).toEqual({ saved_usd: '0.000000000', wasted: true, attempt_count: 2 });
    expect(await row(hit.body.id)).toEqual({ saved_usd: '0.000210000', wasted: false, attempt_count: 0 });
  });
});
