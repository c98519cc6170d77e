import { beforeAll, describe, expect, it } from '@jest/globals';
import { NO_TOKENS, type UsageLog } from '@llm-gateway/shared';
import { insertUsage, usageBy, usageLogs, usageLogWithAttempts, usageSummary } from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { ARRIVED, sampleAttempt, sampleEvent, sampleLog } from './samples.js';

const fixture = useDatabase();
const filter = { from: new Date(ARRIVED), to: new Date(ARRIVED + 1_000) };
const noCall = { attemptCount: 0, tokens: NO_TOKENS } as const;

/** Latencies 1 to 100 ms, one request a millisecond; five of them are not plain successes of openai-main. */
const odd: Record<number, Partial<UsageLog>> = {
  10: { cacheStatus: 'HIT', costNanoUsd: 0, savedNanoUsd: 1_000_000, ...noCall },
  20: { cacheStatus: 'STALE', costNanoUsd: 0, savedNanoUsd: 500_001, ...noCall },
  30: { status: 'error', provider: 'claude-main', model: 'claude-x', costNanoUsd: 0 },
  40: { status: 'error', provider: null, model: null, customerId: null, costNanoUsd: 0, ...noCall },
  50: { status: 'cancelled', provider: 'claude-main', model: 'claude-x', costNanoUsd: null, unpricedReason: 'unknown' },
};

beforeAll(async () => {
  const logs = Array.from({ length: 100 }, (_, index) =>
    sampleLog({ createdAt: ARRIVED + index, latencyMs: index + 1, costNanoUsd: 1_000_000, ...odd[index + 1] }),
  );
  const outside = [
    sampleEvent({ createdAt: ARRIVED - 1, latencyMs: 9_999 }),
    sampleEvent({ createdAt: ARRIVED + 1_000, latencyMs: 9_999 }),
  ];
  await insertUsage(fixture.db, [...logs.map((log) => ({ v: 1 as const, log, attempts: [] })), ...outside]);
});

describe('the usage summary', () => {
  it('counts what happened from the first moment up to and without the last', async () => {
    expect(await usageSummary(fixture.db, filter)).toEqual({
      requests: 100,
      cache_hits: 2,
      cache_hit_rate: 0.02,
      errors: 2,
      error_rate: 0.02,
      input_tokens: 97 * 127,
      output_tokens: 97 * 50,
      cost_usd: 0.095,
      saved_usd: 0.001500001,
      wasted_usd: 0,
      unpriced_requests: 1,
      latency_ms: { p50: expect.closeTo(50, -0.4), p95: expect.closeTo(95, -0.8), p99: expect.closeTo(99, -0.8) },
    });
  });

  it('is about the service, customer and provider that are asked for', async () => {
    expect(await usageSummary(fixture.db, { ...filter, provider: 'claude-main' })).toMatchObject({
      requests: 2,
      errors: 1,
      error_rate: 0.5,
    });
    expect(await usageSummary(fixture.db, { ...filter, customerId: 'acme' })).toMatchObject({ requests: 99 });
    expect(
      await usageSummary(fixture.db, { ...filter, service: 'billing', customerId: 'acme', provider: 'openai-main' }),
    ).toMatchObject({ requests: 97 });
  });

  it('has no latency and no rates above 0 where nothing happened', async () => {
    const nothing = {
      requests: 0,
      cache_hits: 0,
      cache_hit_rate: 0,
      errors: 0,
      error_rate: 0,
      input_tokens: 0,
      output_tokens: 0,
      cost_usd: 0,
      saved_usd: 0,
      wasted_usd: 0,
      unpriced_requests: 0,
    };
    const latency_ms = { p50: null, p95: null, p99: null };
    expect(await usageSummary(fixture.db, { ...filter, service: "nobody'; DROP TABLE llm_usage_logs --" })).toEqual({
      ...nothing,
      latency_ms,
    });
  });
});

describe('waste', () => {
  it('is what attempts without an answer have cost, of the requests asked for and beside their cost', async () => {
    const hour = { from: new Date(ARRIVED - 7_200_000), to: new Date(ARRIVED - 3_600_000) };
    const createdAt = ARRIVED - 5_400_000;
    const log = sampleLog({ createdAt, attemptCount: 3, service: 'wasteful' });
    const attempts = [
      sampleAttempt(log.id, { createdAt, number: 1, status: 'error', provider: 'claude-main', costNanoUsd: 1_000 }),
      sampleAttempt(log.id, { createdAt, number: 2, status: 'abandoned', estimated: true, costNanoUsd: 20_001 }),
      sampleAttempt(log.id, { createdAt, number: 3, costNanoUsd: 300_000 }),
    ];
    await insertUsage(fixture.db, [{ v: 1, log, attempts }, sampleEvent({ createdAt, service: 'thrifty' })]);
    expect(await usageSummary(fixture.db, hour)).toMatchObject({ requests: 2, cost_usd: 0.000329401, wasted_usd: 0.000021001 });
    const lines = await usageBy(fixture.db, 'service', hour, { sort: 'cost_usd', limit: 2 });
    expect(lines).toMatchObject([
      { key: 'wasteful', requests: 1, cost_usd: 0.000321001, wasted_usd: 0.000021001 },
      { key: 'thrifty', requests: 1, cost_usd: 0.0000084, wasted_usd: 0 },
    ]);
  });
});

describe('usage by dimension', () => {
  it.each([
    ['provider', ['openai-main', 'claude-main', null]],
    ['model', ['gpt-4o-mini', 'claude-x', null]],
    ['customer', ['acme', null]],
    ['service', ['billing']],
  ] as const)('has a line for each %s, and one for requests without', async (dimension, keys) => {
    const lines = await usageBy(fixture.db, dimension, filter, { sort: 'requests', limit: 10 });
    expect(lines.map((line) => line.key)).toEqual(keys);
    expect(lines.reduce((sum, line) => sum + line.requests, 0)).toBe(100);
  });

  it.each([
    ['requests', ['openai-main', 'claude-main']],
    ['cost_usd', ['openai-main', 'claude-main']],
    ['errors', ['claude-main', null]],
    ['key', ['claude-main', 'openai-main']],
  ] as const)('goes by %s, and stops at the limit', async (sort, keys) => {
    const lines = await usageBy(fixture.db, 'provider', filter, { sort, limit: 2 });
    expect(lines.map((line) => line.key)).toEqual(keys);
  });
});

describe('the list of usage rows', () => {
  it('is newest first, and shows each row once while new ones come in', async () => {
    const day = { from: new Date(ARRIVED + 5_000), to: new Date(ARRIVED + 9_000) };
    const at = (createdAt: number) => sampleEvent({ createdAt });
    // Seven in the same millisecond: only the id tells them apart.
    const events = [...Array.from({ length: 7 }, () => at(ARRIVED + 6_000)), at(ARRIVED + 5_500), at(ARRIVED + 7_000)];
    await insertUsage(fixture.db, events);
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await usageLogs(fixture.db, day, { limit: 2, cursor });
      seen.push(...page.data.map((row) => row.id));
      cursor = page.nextCursor;
      await insertUsage(fixture.db, [at(ARRIVED + 8_000)]);
    }
    const wanted = events
      .map(({ log }) => log)
      .sort((a, b) => (b?.createdAt ?? 0) - (a?.createdAt ?? 0) || ((a?.id ?? '') < (b?.id ?? '') ? 1 : -1));
    expect(seen).toEqual(wanted.map((log) => log?.id));
  });

  it.each(['x', Buffer.from('["2026-01-01","a"]').toString('base64url')])('refuses the cursor %j', async (cursor) => {
    await expect(usageLogs(fixture.db, filter, { limit: 1, cursor })).rejects.toMatchObject({
      code: 'invalid_request',
      details: [{ path: 'cursor' }],
    });
  });

  it.each(['req_unknown', 'a\0b'])('has no row of the id %j', async (id) => {
    await expect(usageLogWithAttempts(fixture.db, id)).rejects.toMatchObject({ code: 'not_found' });
  });
});
