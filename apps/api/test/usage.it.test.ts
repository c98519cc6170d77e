import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { insertUsage } from '@llm-gateway/db';
import { newAttemptId, newRequestId, NO_TOKENS, usdToNano, type UsageEvent, type UsageLog } from '@llm-gateway/shared';
import pg from 'pg';
import { byAnswer, logDetail, logRow, summaryAnswer, timeseriesAnswer, unpricedAnswer } from '../src/usage/answers.js';
import { SERVICE_KEY, startTestApi, type TestApi } from './support/test-api.js';

let api: TestApi;
const HOUR = 3_600_000;
const now = Date.now();

function event(changes: Partial<UsageLog>): UsageEvent {
  const { createdAt = now - HOUR } = changes;
  const id = newRequestId(createdAt);
  const log: UsageLog = {
    ...{
      id,
      createdAt,
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
      id: newAttemptId(createdAt),
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

  it('takes days for their midnights in UTC, the last one not included', async () => {
    const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);
    const eightDaysAgo = now - 8 * 24 * HOUR;
    expect((await read(`/summary?from=${dayOf(eightDaysAgo)}&to=${dayOf(eightDaysAgo + 24 * HOUR)}`)).requests).toBe(1);
    expect((await read(`/summary?from=${dayOf(eightDaysAgo - 24 * HOUR)}&to=${dayOf(eightDaysAgo)}`)).requests).toBe(0);
    expect(await read('/report?period=month&to=2026-03-01')).toMatchObject({
      from: '2026-02-01T00:00:00.000Z',
      to: '2026-03-01T00:00:00.000Z',
    });
    const answer = await api.call('GET', '/api/v1/usage/summary?from=2026-02-30&to=2026-11-24T00:00:00', { key: SERVICE_KEY });
    expect(answer.status).toBe(400);
    const details = answer.body.error.details as { path: string; message: string }[];
    expect(details.map(({ path }) => path)).toEqual(['from', 'to']);
    for (const { message } of details) expect(message).toMatch(/^must be a day such as 2026-11-24, or an ISO 8601 time/);
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

  it('has a point for each hour of the last week unless told', async () => {
    const { data } = timeseriesAnswer.strict().parse(await read('/timeseries'));
    expect(data.length).toBeGreaterThanOrEqual(168);
    expect(data.reduce((sum, point) => sum + point.requests, 0)).toBe(4);
  });

  it('refuses more points than a chart can show, saying how many and what to do', async () => {
    const answer = await api.call('GET', '/api/v1/usage/timeseries?bucket=minute', { key: SERVICE_KEY });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ code: 'invalid_request', details: [{ path: 'bucket' }] });
    expect(answer.body.error.message).toMatch(/1008\d minutes.*at most 2048.*shorter span or a longer bucket/);
    const decades = await api.call('GET', '/api/v1/usage/timeseries?from=1970-01-01T00:00:00Z&bucket=day', { key: SERVICE_KEY });
    expect(decades).toMatchObject({ status: 400, body: { error: { details: [{ path: 'bucket' }] } } });
  });

  it.each([
    'summary?from=0000-01-01T00:00:00Z',
    'logs?to=0001-01-01T00:00:00Z',
    'report?period=month&to=9999-12-31T23:59:59-05:00',
  ])('refuses %s, a time that the tables cannot hold', async (query) => {
    const answer = await api.call('GET', `/api/v1/usage/${query}`, { key: SERVICE_KEY });
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toContain('must lie between the years 1970 and 9999');
  });

  it('says how a zone is written in an address, where a plain + has become a space', async () => {
    const asked = (zone: string) =>
      api.call('GET', `/api/v1/usage/summary?from=2026-11-24T00:00:00${zone}`, { key: SERVICE_KEY });
    expect((await asked('+01:00')).body.error.message).toMatch(/in an address the \+ of a zone is written %2B$/);
    expect((await asked('%2B01:00')).status).toBe(200);
    expect((await asked('')).body.error.message).not.toContain('%2B');
  });

  it('names models without a price', async () => {
    const answer = unpricedAnswer.strict().parse(await read('/unpriced'));
    expect(answer.data).toMatchObject([
      { provider: 'one', model: 'gpt-4o-mini', requests: 1, input_tokens: 15, output_tokens: 4 },
    ]);
  });

  it('exports every row once over many batches, oldest first, safely quoted', async () => {
    const createdAt = now - 30 * 24 * HOUR;
    const many = Array.from({ length: 2_500 }, (_, index) =>
      event({
        ...cached,
        service: 'export',
        createdAt: createdAt + Math.floor(index / 900),
        customerId: index === 0 ? '=1+1,"x"' : 'c',
      }),
    );
    await insertUsage(api.deps.db, many);
    const from = new Date(createdAt).toISOString();
    const answer = await api.call('GET', `/api/v1/usage/export.csv?service=export&from=${from}`, { key: SERVICE_KEY });
    expect(answer.headers.get('content-type')).toMatch(/^text\/csv/);
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="usage-[\d-]+\.csv"$/);
    const lines = answer.text.split('\r\n');
    expect(lines[0]).toMatch(/^id,created_at,service,customer_id,.*,cost_usd,/);
    expect(lines.at(-1)).toBe('');
    const ids = lines.slice(1, -1).map((line) => line.split(',')[0]);
    expect(ids).toHaveLength(2_500);
    expect(new Set(ids)).toEqual(new Set(many.map(({ log }) => log?.id)));
    const times = lines.slice(1, -1).map((line) => line.split(',')[1] ?? '');
    expect(times).toEqual(times.toSorted());
    expect(answer.text).toContain(`export,"'=1+1,""x""",env_1,one,openai,gpt-4o-mini,ok,,HIT,`);
    expect(answer.text).toContain('0.000000000');
  });

  it('exports a header alone where there is nothing, and refuses a bad query as JSON', async () => {
    const empty = await api.call('GET', '/api/v1/usage/export.csv?service=nobody', { key: SERVICE_KEY });
    expect(empty.text.split('\r\n')).toEqual([expect.stringMatching(/^id,/), '']);
    const refused = await api.call('GET', '/api/v1/usage/export.csv?from=yesterday', { key: SERVICE_KEY });
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } });
  });

  it('cuts an export off where the database fails halfway: half a file must not look whole', async () => {
    // More than the sockets hold by themselves.
    const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`k${index}`, 'x'.repeat(500)]));
    await insertUsage(
      api.deps.db,
      Array.from({ length: 4_000 }, () => event({ ...cached, service: 'halfway', metadata })),
    );
    const client = new pg.Client({ connectionString: api.database.url, options: '-c search_path=llm_gateway_test' });
    await client.connect();
    const answer = await fetch(`${api.url}/api/v1/usage/export.csv?service=halfway`, {
      headers: { 'x-service-key': SERVICE_KEY },
    });
    const reader = answer.body!.getReader();
    await reader.read();
    await client.query('ALTER TABLE llm_usage_logs RENAME TO away');
    const rest = async () => {
      while (!(await reader.read()).done);
    };
    await expect(rest()).rejects.toThrow();
    await client.query('ALTER TABLE away RENAME TO llm_usage_logs');
    await client.end();
  });
});
