import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { insertUsage } from '@llm-gateway/db';
import { newAttemptId, newRequestId, NO_TOKENS, usdToNano, type UsageEvent, type UsageLog } from '@llm-gateway/shared';
import { byAnswer, logDetail, logRow, summaryAnswer } from '../src/usage/answers.js';
import { SERVICE_KEY, startTestApi, type TestApi } from './support/test-api.js';

let api: TestApi;
const HOUR = 3_600_000;
const now = Date.now();

function event(changes: Partial<UsageLog>): UsageEvent {
  const id = newRequestId();
  const log: UsageLog = {
    ...{
      id,
      createdAt: now - HOUR,
      service: 'mail',
      customerId: 'acme',
      keyId: 'env_1',
      provider: 'one',
      providerType: 'openai',
      model: 'gpt-4o-mini',
    },
    ...{
      status: 'ok',
      errorCode: null,
      cacheStatus: 'MISS',
      finishReason: 'stop',
      tokens: { ...NO_TOKENS, uncachedInput: 10, cacheRead: 5, output: 4 },
    },
    ...{
      costNanoUsd: usdToNano(0.25),
      unpricedReason: null,
      savedNanoUsd: 0,
      latencyMs: 100,
      queueMs: 1,
      attemptCount: 1,
      clientGone: false,
      metadata: { a: 'b' },
      relatedTo: null,
    },
    ...changes,
  };
  const attempt = {
    ...{
      id: newAttemptId(),
      requestId: id,
      createdAt: log.createdAt,
      number: 1,
      provider: 'one',
      providerType: 'openai' as const,
      model: 'gpt-4o-mini',
    },
    ...{
      servedModel: null,
      status: 'ok' as const,
      error: null,
      errorMessage: null,
      httpStatus: 200,
      vendorRequestId: null,
      tokens: log.tokens,
      estimated: false,
    },
    ...{ costNanoUsd: log.costNanoUsd, unpricedReason: null, priceVersion: 'test@1', latencyMs: 90, limiterMs: 0, worker: 'w' },
  };
  return { v: 1, log, attempts: log.attemptCount > 0 ? [attempt] : [] };
}

const cached = { cacheStatus: 'HIT' as const, costNanoUsd: 0, tokens: NO_TOKENS, attemptCount: 0 };
const events = [
  event({}),
  event({ service: 'chat', customerId: null }),
  event(cached),
  event({ status: 'error', errorCode: 'provider_error', provider: 'two', costNanoUsd: null, unpricedReason: 'no price' }),
  event({ createdAt: now - 8 * 24 * HOUR }),
];

beforeAll(async () => {
  api = await startTestApi();
  await insertUsage(api.deps.db, events);
});
afterAll(() => api.end());

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look at whatever comes back
const read = async (path: string): Promise<any> => (await api.call('GET', `/api/v1/usage${path}`, { key: SERVICE_KEY })).body;

describe('usage', () => {
  it('sums up the last seven days unless told', async () => {
    const summary = await read('/summary');
    expect(summaryAnswer.strict().parse(summary)).toMatchObject({
      requests: 4,
      cache_hits: 1,
      cache_hit_rate: 0.25,
      errors: 1,
      error_rate: 0.25,
      cost_usd: 0.5,
      unpriced_requests: 1,
      input_tokens: 45,
      output_tokens: 12,
    });
  });

  it('takes a span with any zone, and every filter', async () => {
    const from = new Date(now - 9 * 24 * HOUR).toISOString().replace('Z', '%2B00:00');
    expect((await read(`/summary?from=${from}`)).requests).toBe(5);
    expect((await read(`/summary?from=${from}&to=${new Date(now - 7.5 * 24 * HOUR).toISOString()}`)).requests).toBe(1);
    expect((await read('/summary?service=chat')).requests).toBe(1);
    expect((await read('/summary?customer_id=acme')).requests).toBe(3);
    expect((await read('/summary?provider=two')).requests).toBe(1);
    expect(await read('/summary?provider=nobody')).toMatchObject({
      requests: 0,
      cost_usd: 0,
      error_rate: 0,
      latency_ms: { p50: null },
    });
  });

  it.each([
    ['/by-provider', ['one', 'two']],
    ['/by-service?sort=key', ['chat', 'mail']],
    ['/by-customer', ['acme', null]],
    ['/by-model', ['gpt-4o-mini']],
    ['/by-provider?sort=errors&limit=1', ['two']],
  ])('breaks down %s', async (path, keys) => {
    const answer = byAnswer.parse(await read(path));
    expect(answer.data.map(({ key }) => key)).toEqual(keys);
  });

  it('lists requests newest first, page by page', async () => {
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page: { data: unknown[]; next_cursor: string | null } = await read(
        `/logs?limit=3${cursor ? `&cursor=${cursor}` : ''}`,
      );
      ids.push(...page.data.map((row) => logRow.strict().parse(row).id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(ids.toSorted()).toEqual(
      events
        .slice(0, 4)
        .map(({ log }) => log?.id)
        .toSorted(),
    );
  });

  it('shows one request with its attempts', async () => {
    const [first] = events;
    const detail = logDetail.strict().parse(await read(`/logs/${first?.log?.id}`));
    expect(detail).toMatchObject({
      cost_usd: 0.25,
      usage: { input_tokens: 15, cached_input_tokens: 5 },
      attempts: [{ number: 1, cost_usd: 0.25, price_version: 'test@1' }],
    });
  });
});
