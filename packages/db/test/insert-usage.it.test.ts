import { beforeEach, describe, expect, it } from '@jest/globals';
import { newRequestId, NO_TOKENS, type UsageEvent } from '@llm-gateway/shared';
import { closeDatabase, insertUsage, isDataError, openDatabase, usageLogWithAttempts, usageSummary } from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { ARRIVED, lateEvent, sampleAttempt, sampleEvent, sampleLog, TOKENS } from './samples.js';

const fixture = useDatabase();
beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_usage_logs, llm_usage_attempts, llm_usage_rollups');
});

const counts = async () => {
  const [row] = await fixture.sql<{ logs: number; attempts: number; cost: string | null }>(
    `SELECT (SELECT count(*)::int FROM llm_usage_logs) AS logs, (SELECT count(*)::int FROM llm_usage_attempts) AS attempts,
      (SELECT sum(cost_usd)::text FROM llm_usage_logs) AS cost`,
  );
  return row;
};
const costOf = async (requestId: string) =>
  (await fixture.sql('SELECT cost_usd::text, attempt_count, unpriced_reason FROM llm_usage_logs WHERE id = $1', [requestId]))[0];
const shuffled = (events: UsageEvent[]): UsageEvent[] =>
  events
    .map((event) => ({ event, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ event }) => event);

describe('usage rows', () => {
  it('hold every field of the event', async () => {
    const log = sampleLog({
      status: 'error',
      errorCode: 'provider_error',
      unpricedReason: 'why',
      costNanoUsd: null,
      clientGone: true,
      relatedTo: 'req_0',
      metadata: { 'a"b': 'ü\n' },
    });
    const attempt = sampleAttempt(log.id, {
      status: 'error',
      error: 'overloaded',
      errorMessage: 'busy',
      httpStatus: 529,
      costNanoUsd: null,
      unpricedReason: 'why',
      estimated: true,
    });
    await insertUsage(fixture.db, [{ v: 1, log, attempts: [attempt] }]);
    const usage = {
      input_tokens: 127,
      cached_input_tokens: 20,
      cache_write_tokens: 7,
      output_tokens: 50,
      reasoning_tokens: 7,
      total_tokens: 177,
    };
    expect(await usageLogWithAttempts(fixture.db, log.id)).toEqual({
      id: log.id,
      created_at: '2026-11-20T10:00:00.123Z',
      service: 'billing',
      customer_id: 'acme',
      key_id: 'key-1',
      provider: 'openai-main',
      provider_type: 'openai',
      model: 'gpt-4o-mini',
      status: 'error',
      error_code: 'provider_error',
      cache_status: 'MISS',
      finish_reason: 'stop',
      usage,
      cost_usd: null,
      unpriced_reason: 'why',
      saved_usd: 0,
      latency_ms: 412,
      queue_ms: 3,
      attempt_count: 1,
      client_gone: true,
      metadata: { 'a"b': 'ü\n' },
      related_to: 'req_0',
      attempts: [
        {
          id: attempt.id,
          created_at: '2026-11-20T10:00:00.124Z',
          number: 1,
          provider: 'openai-main',
          provider_type: 'openai',
          model: 'gpt-4o-mini',
          served_model: 'gpt-4o-mini-2024-07-18',
          status: 'error',
          error: 'overloaded',
          error_message: 'busy',
          http_status: 529,
          vendor_request_id: 'chatcmpl-1',
          usage,
          estimated: true,
          cost_usd: null,
          unpriced_reason: 'why',
          price_version: 'genai-prices 0.1.8',
          latency_ms: 280,
          limiter_ms: 5,
          worker: 'worker-1',
        },
      ],
    });
    const [stored] = await fixture.sql(
      'SELECT cache_write_tokens, cache_write_1h_tokens, uncached_input_tokens FROM llm_usage_logs',
    );
    expect(stored).toEqual({
      cache_write_tokens: TOKENS.cacheWrite,
      cache_write_1h_tokens: TOKENS.cacheWrite1h,
      uncached_input_tokens: TOKENS.uncachedInput,
    });
  });

  it('are there once, however often and in whatever order their events are delivered', async () => {
    const events = Array.from({ length: 60 }, () => sampleEvent());
    expect(await insertUsage(fixture.db, [...events.slice(0, 40), ...events.slice(0, 10)])).toMatchObject({
      logs: 40,
      attempts: 40,
    });
    expect(await insertUsage(fixture.db, shuffled(events))).toMatchObject({ logs: 20, attempts: 20 });
    expect(await insertUsage(fixture.db, events)).toMatchObject({ logs: 0, attempts: 0 });
    expect(await counts()).toEqual({ logs: 60, attempts: 60, cost: '0.000504000' });
  });

  it('are there once when many writers deliver the same events at the same moment', async () => {
    const events = Array.from({ length: 1_000 }, () => sampleEvent());
    const inserted = await Promise.all(Array.from({ length: 4 }, () => insertUsage(fixture.db, shuffled(events))));
    const total = inserted.reduce((sum, one) => ({ logs: sum.logs + one.logs, attempts: sum.attempts + one.attempts }), {
      logs: 0,
      attempts: 0,
    });
    expect(total).toEqual({ logs: 1_000, attempts: 1_000 });
    expect(await counts()).toMatchObject({ logs: 1_000, attempts: 1_000 });
  });

  it('are there once, however many times their events give them: they were made when their ids say', async () => {
    const { log, attempts } = sampleEvent();
    const told = [0, 1, 86_400_000, -40 * 86_400_000].map((ms) => ({
      v: 1 as const,
      log: log && { ...log, createdAt: ARRIVED + ms },
      attempts: attempts.map((attempt) => ({ ...attempt, createdAt: ARRIVED + ms })),
    }));
    for (const event of told) await insertUsage(fixture.db, [event]);
    await insertUsage(fixture.db, told);
    expect(await counts()).toEqual({ logs: 1, attempts: 1, cost: '0.000008400' });
    const sums = await fixture.sql(
      `SELECT sum(requests)::int AS requests, sum(calls)::int AS calls, min(bucket) AS month FROM llm_usage_rollups WHERE dimensions = 0 AND grain = 'month'`,
    );
    expect(sums).toEqual([{ requests: 1, calls: 1, month: new Date('2026-11-01T00:00:00Z') }]);
  });

  it('of a call that a wrong clock put days from its request are near enough to it to be in its cost', async () => {
    const log = sampleLog({ attemptCount: 2, costNanoUsd: 3 });
    const at = (days: number, number: number) =>
      sampleAttempt(log.id, { createdAt: ARRIVED + days * 86_400_000, number, costNanoUsd: number });
    const attempts = [at(-3, 1), at(5, 2)];
    await insertUsage(fixture.db, [{ v: 1, log, attempts }]);
    await insertUsage(fixture.db, [lateEvent(...attempts)]);
    await insertUsage(fixture.db, [lateEvent(at(2, 3))]);
    expect(await costOf(log.id)).toMatchObject({ cost_usd: '0.000000006', attempt_count: 3 });
    const filter = { from: new Date(ARRIVED - 60_000), to: new Date(ARRIVED + 60_000) };
    expect(await usageSummary(fixture.db, filter)).toMatchObject({ requests: 1, cost_usd: 6e-9 });
  });

  it('are written all or none', async () => {
    const bad = sampleEvent({ service: 'nul \0 character' });
    await expect(insertUsage(fixture.db, [sampleEvent(), bad, sampleEvent()])).rejects.toThrow();
    expect(await counts()).toMatchObject({ logs: 0, attempts: 0 });
  });

  it('add up to the last nano-dollar', async () => {
    const costs = [1, 999_999_999, 8_400, 123_456_789_012_345, 7];
    await insertUsage(
      fixture.db,
      costs.map((costNanoUsd) => sampleEvent({ costNanoUsd })),
    );
    expect(await counts()).toMatchObject({ cost: '123457.789020752' });
  });

  it('need no events', async () => {
    expect(await insertUsage(fixture.db, [])).toMatchObject({ logs: 0, attempts: 0 });
  });
});

describe('an abandoned attempt', () => {
  const log = () => sampleLog({ costNanoUsd: 5_000, attemptCount: 1 });
  const abandoned = { status: 'abandoned', estimated: true, costNanoUsd: 5_000, tokens: NO_TOKENS } as const;

  it('is replaced by its real closure, and its request is priced anew', async () => {
    const request = log();
    const attempt = sampleAttempt(request.id, abandoned);
    await insertUsage(fixture.db, [{ v: 1, log: request, attempts: [attempt] }]);
    const real = { ...attempt, status: 'ok', estimated: false, costNanoUsd: 8_400, tokens: TOKENS } as const;
    expect(await insertUsage(fixture.db, [lateEvent(real)])).toMatchObject({ logs: 0, attempts: 1 });
    expect(await costOf(request.id)).toMatchObject({ cost_usd: '0.000008400', attempt_count: 1 });
    const { attempts } = await usageLogWithAttempts(fixture.db, request.id);
    expect(attempts).toMatchObject([{ status: 'ok', estimated: false, usage: { input_tokens: 127 } }]);
  });

  it('never replaces a real closure, whichever comes first', async () => {
    const request = log();
    const real = sampleAttempt(request.id);
    const lost = { ...real, ...abandoned };
    await insertUsage(fixture.db, [{ v: 1, log: request, attempts: [real] }]);
    expect(await insertUsage(fixture.db, [lateEvent(lost)])).toMatchObject({ logs: 0, attempts: 0 });
    const other = sampleAttempt(request.id, { number: 2 });
    await insertUsage(fixture.db, [lateEvent({ ...other, ...abandoned }), lateEvent(other)]);
    expect((await usageLogWithAttempts(fixture.db, request.id)).attempts.map((row) => row.status)).toEqual(['ok', 'ok']);
  });
});

describe('the cost of a request', () => {
  it('follows an attempt that comes in late', async () => {
    const event = sampleEvent();
    await insertUsage(fixture.db, [event]);
    await insertUsage(fixture.db, [lateEvent(sampleAttempt(event.log?.id ?? '', { number: 2, costNanoUsd: 1 }))]);
    expect(await costOf(event.log?.id ?? '')).toMatchObject({ cost_usd: '0.000008401', attempt_count: 2 });
  });

  it('counts an attempt that came in before its request', async () => {
    const event = sampleEvent();
    await insertUsage(fixture.db, [lateEvent(sampleAttempt(event.log?.id ?? '', { number: 2, costNanoUsd: 1 }))]);
    await insertUsage(fixture.db, [event]);
    expect(await costOf(event.log?.id ?? '')).toMatchObject({ cost_usd: '0.000008401', attempt_count: 2 });
  });

  it('counts a late attempt that arrives in the very moment of its request', async () => {
    // More than the pool has connections, few enough that none waits for one for seconds on a machine that does other things as well.
    const events = Array.from({ length: 12 }, () => sampleEvent());
    const late = events.map(({ log }) => lateEvent(sampleAttempt(log?.id ?? '', { number: 2, costNanoUsd: 1 })));
    await Promise.all(
      events.flatMap((event, index) => [insertUsage(fixture.db, [event]), insertUsage(fixture.db, [late[index] ?? event])]),
    );
    const wrong = await fixture.sql(
      `SELECT id, cost_usd FROM llm_usage_logs WHERE cost_usd <> 0.000008401 OR attempt_count <> 2`,
    );
    expect(wrong).toEqual([]);
  });

  it('is unknown while one of its attempts has no price, and says why', async () => {
    const event = sampleEvent();
    const late = sampleAttempt(event.log?.id ?? '', {
      number: 2,
      status: 'abandoned',
      costNanoUsd: null,
      unpricedReason: 'no price for x',
    });
    await insertUsage(fixture.db, [event, lateEvent(late)]);
    expect(await costOf(event.log?.id ?? '')).toMatchObject({ cost_usd: null, unpriced_reason: 'no price for x' });
    await insertUsage(fixture.db, [lateEvent({ ...late, status: 'ok', costNanoUsd: 100, unpricedReason: null })]);
    expect(await costOf(event.log?.id ?? '')).toMatchObject({ cost_usd: '0.000008500', unpriced_reason: null });
  });

  it('stays as it came while some of its attempts are on their way', async () => {
    const log = sampleLog({ attemptCount: 2, costNanoUsd: 9_000 });
    await insertUsage(fixture.db, [{ v: 1, log, attempts: [sampleAttempt(log.id, { costNanoUsd: 4_000 })] }]);
    expect(await costOf(log.id)).toMatchObject({ cost_usd: '0.000009000', attempt_count: 2 });
  });

  it('is 0 for a cached answer, which has no attempts', async () => {
    const log = sampleLog({ cacheStatus: 'HIT', attemptCount: 0, costNanoUsd: 0, savedNanoUsd: 8_400 });
    await insertUsage(fixture.db, [{ v: 1, log, attempts: [] }]);
    expect(await usageLogWithAttempts(fixture.db, log.id)).toMatchObject({ cost_usd: 0, saved_usd: 0.0000084, attempts: [] });
  });
});

describe('a row that PostgreSQL refuses', () => {
  it.each([
    ['a NUL character', sampleEvent({ service: 'a\0b' })],
    ['a NUL character in the metadata', sampleEvent({ metadata: { a: '\0' } })],
    ['a lone surrogate', sampleEvent({ service: '\ud800' })],
    ['a token count out of range', sampleEvent({ tokens: { ...TOKENS, output: 3_000_000_000 } })],
    ['a fraction of a token', sampleEvent({ tokens: { ...TOKENS, output: 1.5 } })],
    ['a time out of range', sampleEvent({ createdAt: 2 ** 48 - 2 })],
    ['an id that says no time', sampleEvent({ id: 'req_1' })],
    ["somebody else's id", sampleEvent({ id: newRequestId(ARRIVED).replace('req_', 'chatcmpl_') })],
    ["a call's id that says no time", lateEvent(sampleAttempt(newRequestId(ARRIVED), { id: 'att_1' }))],
    ['more money than the column holds', sampleEvent({ costNanoUsd: 1e18 })],
    ['a missing name', sampleEvent({ service: undefined as unknown as string })],
    [
      'a name too long for its index',
      sampleEvent({
        customerId: Array.from({ length: 20_000 }, (_, i) => String.fromCodePoint(0x4e00 + ((i * 7919) % 20_000))).join(''),
      }),
    ],
  ])('is known by %s, and is no outage', async (_, event) => {
    const error = await insertUsage(fixture.db, [event]).catch((caught: unknown) => caught);
    expect({ isDataError: isDataError(error), code: (error as { code?: string }).code }).not.toMatchObject({
      code: 'unavailable',
    });
    expect(isDataError(error)).toBe(true);
  });

  it('is not what a time limit or an unknown failure is taken for', () => {
    expect(isDataError(new Error('Connection terminated unexpectedly'))).toBe(false);
    expect(isDataError(Object.assign(new Error(), { code: '57014', severity: 'ERROR' }))).toBe(false);
    expect(isDataError(undefined)).toBe(false);
  });
});

describe('a time', () => {
  it('is stored as it is, whatever zone the database lives in', async () => {
    const [name] = await fixture.sql<{ name: string }>('SELECT current_database() AS name');
    await fixture.sql(`ALTER DATABASE ${name?.name} SET TimeZone = 'Asia/Kathmandu'`);
    const db = openDatabase(fixture.url);
    const event = sampleEvent();
    await insertUsage(db, [event]);
    const [row] = await fixture.sql<{ ms: number }>(
      'SELECT extract(epoch FROM created_at)::float8 * 1000 AS ms FROM llm_usage_logs',
    );
    expect(row?.ms).toBeCloseTo(ARRIVED, 3);
    expect((await usageLogWithAttempts(db, event.log?.id ?? '')).created_at).toBe(new Date(ARRIVED).toISOString());
    await closeDatabase(db);
  });
});
