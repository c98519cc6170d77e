import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { PROVIDER_TYPES } from '@llm-gateway/shared';
import { Cluster, until } from './cluster.js';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ apis: 2, workers: 3 });
  await cluster.sixProviders();
  await cluster.lanesServed(PROVIDER_TYPES.map((type) => `${type}-main`));
}, 60_000);
afterAll(() => cluster.stop(), 60_000);
beforeEach(() => {
  cluster.upstream.reset();
  cluster.forgetRows();
});

describe('a generate call', () => {
  it('is answered by a worker, with tokens and cost, and leaves one row and one attempt', async () => {
    cluster.upstream.respond({ content: 'Hello.', usage: { uncachedInput: 1_000, output: 100 } });
    const { status, headers, body } = await cluster.generate({
      prompt: 'Say hello',
      provider: 'openai-main',
      metadata: { page: '7' },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      content: 'Hello.',
      provider: 'openai-main',
      model: 'gpt-4o-mini',
      cached: false,
      finish_reason: 'stop',
    });
    expect(body.usage).toMatchObject({ input_tokens: 1_000, output_tokens: 100, total_tokens: 1_100 });
    // https://openai.com/api/pricing: gpt-4o-mini $0.15 / $0.60 per million tokens.
    expect(body.cost_usd).toBeCloseTo(1_000 * 0.15e-6 + 100 * 0.6e-6, 12);
    expect(headers.get('x-cache')).toBe('MISS');
    expect(headers.get('server-timing')).toMatch(/queue;dur=\d+, limiter;dur=\d+, provider;dur=\d+, total;dur=\d+/);
    expect(await cluster.settledRows('llm_usage_logs', 1)).toBe(1);
    const [log] = await cluster.rows<Record<string, unknown>>('SELECT * FROM llm_usage_logs');
    expect(log).toMatchObject({
      id: body.id,
      service: 'test',
      provider: 'openai-main',
      status: 'ok',
      cost_usd: '0.000210000',
      metadata: { page: '7' },
    });
    const attempts = await cluster.rows<Record<string, unknown>>('SELECT * FROM llm_usage_attempts');
    expect(attempts).toHaveLength(1);
    expect(attempts[0]).toMatchObject({ request_id: body.id, status: 'ok', cost_usd: '0.000210000', estimated: false });
  });

  it('is answered from the cache the second time, at no cost, and that is a row too', async () => {
    const first = await cluster.generate({ prompt: 'cache me' });
    const second = await cluster.generate({ prompt: 'cache me' }, { api: 1 });
    expect(second.body).toMatchObject({ content: first.body.content, cached: true, cost_usd: 0 });
    expect(second.body.id).not.toBe(first.body.id);
    expect(second.headers.get('x-cache')).toBe('HIT');
    expect(cluster.upstream.counts.total).toBe(1);
    expect(await cluster.settledRows('llm_usage_logs', 2)).toBe(2);
  });

  it('of 500 identical ones at once over two replicas reaches the provider once, and all get the same answer', async () => {
    cluster.upstream.respond(() => ({ content: `answer ${Math.random()}`, delayMs: 300 }));
    const replies = await Promise.all(
      Array.from({ length: 500 }, (_, i) => cluster.generate({ prompt: 'the same for all' }, { api: i % 2 })),
    );
    expect(new Set(replies.map((reply) => reply.status))).toEqual(new Set([200]));
    expect(new Set(replies.map((reply) => reply.body.content)).size).toBe(1);
    expect(new Set(replies.map((reply) => reply.body.id)).size).toBe(500);
    expect(cluster.upstream.counts.total).toBe(1);
    expect(await cluster.settledRows('llm_usage_logs', 500)).toBe(500);
    expect(await cluster.settledRows('llm_usage_attempts', 1)).toBe(1);
  }, 60_000);

  it('of 2,000 mixed ones to all six types are all answered, with one row each and as many attempts as calls', async () => {
    cluster.upstream.respond((call) => (call.number % 50 === 0 ? { status: 503 } : { delayMs: call.number % 7 }));
    const send = (i: number) => {
      const type = PROVIDER_TYPES[i % 6];
      const cached = i % 10 === 9;
      return cluster.generate({ prompt: cached ? 'often asked' : `question ${i}`, provider: `${type}-main` }, { api: i % 2 });
    };
    const statuses = new Map<number, number>();
    for (let i = 0; i < 2_000; i += 100) {
      const replies = await Promise.all(Array.from({ length: 100 }, (_, j) => send(i + j)));
      for (const { status } of replies) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect([...statuses]).toEqual([[200, 2_000]]);
    expect(await cluster.settledRows('llm_usage_logs', 2_000, 30_000)).toBe(2_000);
    expect(await cluster.settledRows('llm_usage_attempts', cluster.upstream.counts.total)).toBe(cluster.upstream.counts.total);
  }, 120_000);
});

describe('an Idempotency-Key', () => {
  it('makes one provider call of many requests, at once and later, and refuses another body', async () => {
    cluster.upstream.respond({ delayMs: 200 });
    const headers = { 'idempotency-key': 'order-1' };
    const request = { prompt: 'do it once', cache: { mode: 'off' as const } };
    const replies = await Promise.all([0, 1, 0, 1].map((api) => cluster.generate(request, { api, headers })));
    replies.push(await cluster.generate(request, { headers }));
    expect(new Set(replies.map((reply) => reply.body.id)).size).toBe(1);
    expect(cluster.upstream.counts.total).toBe(1);
    const other = await cluster.generate({ ...request, prompt: 'do something else' }, { headers });
    expect(other.body.error?.code).toBe('idempotency_conflict');
    expect(other.status).toBe(422);
    expect(cluster.upstream.counts.total).toBe(1);
    expect(await cluster.settledRows('llm_usage_logs', 1)).toBe(1);
  });
});

describe("an Idempotency-Key on a request that shares another's call", () => {
  it('gets the shared result again, without a second call and with one row', async () => {
    cluster.upstream.respond({ delayMs: 300, finishReason: 'length', content: 'cut' });
    const headers = { 'idempotency-key': 'shared-1' };
    const leader = cluster.generate({ prompt: 'shared' });
    await cluster.upstream.received(1);
    const first = await cluster.generate({ prompt: 'shared' }, { api: 1, headers });
    expect(first.headers.get('x-cache')).toBe('COALESCED');
    const again = await cluster.generate({ prompt: 'shared' }, { headers });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
    expect((await leader).status).toBe(200);
    expect(cluster.upstream.counts.total).toBe(1);
    expect(await cluster.settledRows('llm_usage_logs', 2)).toBe(2);
  });
});

describe('the cache modes', () => {
  it('off calls every time, refresh calls and stores, only never calls', async () => {
    const ask = (mode: 'off' | 'refresh' | 'only' | 'default') => cluster.generate({ prompt: 'modes', cache: { mode } });
    const nothing = await ask('only');
    expect([nothing.status, nothing.body.error?.code]).toEqual([404, 'not_found']);
    expect((await ask('off')).headers.get('x-cache')).toBe('BYPASS');
    expect((await ask('only')).status).toBe(404);
    expect((await ask('refresh')).headers.get('x-cache')).toBe('REFRESH');
    expect((await ask('only')).headers.get('x-cache')).toBe('HIT');
    expect((await ask('refresh')).headers.get('x-cache')).toBe('REFRESH');
    expect((await ask('default')).headers.get('x-cache')).toBe('HIT');
    expect(cluster.upstream.counts.total).toBe(3);
  });

  it('share no answer between customers or services unless asked to', async () => {
    const ask = (request: object) => cluster.generate({ prompt: 'scopes', ...request });
    expect((await ask({ customer_id: 'a' })).body.cached).toBe(false);
    expect((await ask({ customer_id: 'b' })).body.cached).toBe(false);
    expect((await ask({ customer_id: 'a' })).body.cached).toBe(true);
    expect((await ask({ service: 'one' })).body.cached).toBe(false);
    expect((await ask({ service: 'two' })).body.cached).toBe(false);
    const global = { cache: { scope: 'global' } };
    expect((await ask({ ...global, service: 'one' })).body.cached).toBe(false);
    expect((await ask({ ...global, service: 'two', customer_id: 'c' })).body.cached).toBe(true);
  });

  it('keep nothing that is truncated, filtered or failed', async () => {
    for (const finishReason of ['length', 'content_filter'] as const) {
      cluster.upstream.respond({ finishReason, content: 'part' });
      for (let i = 0; i < 2; i++) expect((await cluster.generate({ prompt: `kept? ${finishReason}` })).body.cached).toBe(false);
    }
    cluster.upstream.respond({ status: 400 });
    expect((await cluster.generate({ prompt: 'kept? failed' })).status).toBe(502);
    cluster.upstream.respond({});
    expect((await cluster.generate({ prompt: 'kept? failed' })).body.cached).toBe(false);
  });
});

describe('an asynchronous request', () => {
  it('gets 202 and a job that has the result when it is done', async () => {
    const queued = await fetch(cluster.url('/api/v1/generate?mode=async'), {
      method: 'POST',
      headers: { 'x-service-key': 'test-service-key-0123456789', 'content-type': 'application/json' },
      body: JSON.stringify({ service: 'test', prompt: 'later' }),
    });
    expect(queued.status).toBe(202);
    const { id } = (await queued.json()) as { id: string };
    expect(queued.headers.get('location')).toBe(`/api/v1/jobs/${id}`);
    const job = async () =>
      (await cluster.admin('GET', `/api/v1/jobs/${id}`, undefined, 1)).body as { status: string; result?: { content: string } };
    await until(async () => (await job()).status === 'completed', 5_000);
    expect((await job()).result?.content).toBe('You said: later');
  });
});
