import { readFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { newAttemptId, newRequestId, type UsageAttempt, type UsageEvent, type UsageLog } from '@llm-gateway/shared';
import {
  checkRollups,
  insertUsage,
  providerErrors,
  rebuildRollups,
  repriceAttempts,
  spendByServiceAndCustomer,
  storedAttempts,
  usageBy,
  usageSummary,
  usageTimeseries,
  type UsageDimension,
  type UsageFilter,
} from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { lateEvent, sampleAttempt, sampleLog } from './samples.js';

/** Thousands of statements, on a machine that runs other tests as well. */
jest.setTimeout(60_000);

const fixture = useDatabase();
beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_usage_logs, llm_usage_attempts, llm_usage_rollups');
});

const START = Date.parse('2026-09-28T00:00:00Z');
const END = Date.parse('2026-11-03T00:00:00Z');
const PROVIDERS = ['openai-main', 'claude-main', 'gemini-main'] as const;

/** A year's worth of kinds in a few requests: retries, fallbacks, hits, cancellations, unknown prices, no customer. */
const request = fc
  .record({
    createdAt: fc.integer({ min: START, max: END - 1 }),
    service: fc.constantFrom('billing', 'seo'),
    customerId: fc.constantFrom('acme', 'globex', null),
    latencyMs: fc.integer({ min: 1, max: 60_000 }),
    status: fc.constantFrom('ok', 'ok', 'ok', 'error', 'cancelled'),
    calls: fc.array(
      fc.record({
        provider: fc.constantFrom(...PROVIDERS),
        status: fc.constantFrom('ok', 'error', 'abandoned'),
        costNanoUsd: fc.option(fc.integer({ min: 0, max: 5_000_000 }), { freq: 8 }),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ calls, ...fields }): { log: UsageLog; attempts: UsageAttempt[] } => {
    const costs = calls.map((call) => call.costNanoUsd);
    const log = sampleLog({
      ...(fields as Partial<UsageLog>),
      attemptCount: calls.length,
      provider: calls.at(-1)?.provider ?? null,
      model: calls.length === 0 ? null : 'm',
      cacheStatus: calls.length === 0 ? 'HIT' : 'MISS',
      savedNanoUsd: calls.length === 0 ? 77 : 0,
      costNanoUsd: costs.includes(null) ? null : costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0),
    });
    const attempts = calls.map((call, index) =>
      sampleAttempt(log.id, {
        ...(call as Partial<UsageAttempt>),
        number: index + 1,
        createdAt: log.createdAt + index + 1,
        servedModel: 'm',
        unpricedReason: call.costNanoUsd === null ? 'no price' : null,
      }),
    );
    return { log, attempts };
  });
type Story = { log: UsageLog; attempts: UsageAttempt[] };

const movedTo = (at: number, { log, attempts }: Story): Story => {
  const id = newRequestId(at);
  const calls = attempts.map((call, index) => ({
    ...call,
    id: newAttemptId(at + index + 1),
    requestId: id,
    createdAt: at + index + 1,
  }));
  return { log: { ...log, id, createdAt: at }, attempts: calls };
};

/** Every cell that holds something, a line each; a histogram is a set. */
const cells = async () =>
  (
    await fixture.sql<{ line: string }>(`
      SELECT concat_ws(' ', dimensions, grain, bucket, service, customer_id, provider, model, requests, cache_hits, errors, unpriced_requests,
        input_tokens, output_tokens, cost_nano_usd, saved_nano_usd, wasted_nano_usd, calls, failed_calls,
        (SELECT array_agg(e ORDER BY e) FROM unnest(latency) AS e)) AS line
      FROM llm_usage_rollups WHERE requests <> 0 OR calls <> 0 OR cost_nano_usd <> 0 ORDER BY 1`)
  ).map((row) => row.line);

/** The truth, worked out here from the stories. */
function expected(stories: Story[], { from, to, service, customerId, provider }: UsageFilter) {
  const asked = stories.filter(
    ({ log }) =>
      log.createdAt >= from.getTime() &&
      log.createdAt < to.getTime() &&
      (service === undefined || log.service === service) &&
      (customerId === undefined || log.customerId === customerId),
  );
  const answered = asked.filter(({ log }) => provider === undefined || log.provider === provider);
  const called = asked.flatMap(({ attempts }) => attempts).filter((call) => provider === undefined || call.provider === provider);
  const cost = (calls: UsageAttempt[]) => calls.reduce((sum, call) => sum + (call.costNanoUsd ?? 0), 0) / 1e9;
  return {
    requests: answered.length,
    cache_hits: answered.filter(({ log }) => log.cacheStatus === 'HIT').length,
    errors: answered.filter(({ log }) => log.status === 'error').length,
    unpriced_requests: answered.filter(({ attempts }) => attempts.some((call) => call.costNanoUsd === null)).length,
    cost_usd: cost(called),
    wasted_usd: cost(called.filter((call) => call.status !== 'ok')),
    saved_usd: answered.reduce((sum, { log }) => sum + log.savedNanoUsd, 0) / 1e9,
  };
}

describe('the sums', () => {
  it('are those of the rows, for any range, filter and breakdown', async () => {
    const stories = fc.sample(request, { numRuns: 400, seed: 7 });
    await insertUsage(
      fixture.db,
      stories.map(({ log, attempts }) => ({ v: 1, log, attempts })),
    );
    const time = fc.oneof(
      fc.integer({ min: START - 5_000_000, max: END + 5_000_000 }),
      // On the very edge of a bucket, and beside it.
      fc.integer({ min: 0, max: 36 * 24 }).map((hour) => START + hour * 3_600_000),
      fc.constantFrom(...stories.map(({ log }) => log.createdAt)),
    );
    const filters = fc.record(
      {
        from: time,
        to: time,
        service: fc.constant('billing'),
        customerId: fc.constant('acme'),
        provider: fc.constantFrom(...PROVIDERS),
      },
      { requiredKeys: ['from', 'to'] },
    );
    const close = (figures: Record<string, number>) =>
      Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, expect.closeTo(value, 10)]));
    await fc.assert(
      fc.asyncProperty(
        filters,
        fc.constantFrom<UsageDimension>('provider', 'service', 'customer', 'model'),
        async (given, dimension) => {
          fc.pre(given.from !== given.to);
          const filter: UsageFilter = {
            ...given,
            from: new Date(Math.min(given.from, given.to)),
            to: new Date(Math.max(given.from, given.to)),
          };
          const truth = expected(stories, filter);
          expect(await usageSummary(fixture.db, filter)).toMatchObject(close(truth));
          const lines = await usageBy(fixture.db, dimension, filter, { sort: 'key', limit: 100 });
          const days = await usageTimeseries(fixture.db, filter, 'day');
          for (const parts of [lines, days]) {
            const total = (name: 'requests' | 'cost_usd' | 'wasted_usd') => parts.reduce((sum, part) => sum + part[name], 0);
            expect(total('requests')).toBe(truth.requests);
            expect(total('cost_usd')).toBeCloseTo(truth.cost_usd, 10);
            expect(total('wasted_usd')).toBeCloseTo(truth.wasted_usd, 10);
          }
          for (const { key, ...figures } of dimension === 'provider' ? lines : []) {
            if (key !== null) expect(figures).toMatchObject(close(expected(stories, { ...filter, provider: key })));
          }
        },
      ),
      { numRuns: 60, seed: 11 },
    );
  });

  it('leave the cost of a failed call with the provider that bills it', async () => {
    const log = sampleLog({ createdAt: START, attemptCount: 2, costNanoUsd: 1_500, provider: 'openai-main' });
    const attempts = [
      sampleAttempt(log.id, { createdAt: START, provider: 'claude-main', status: 'error', error: 'timeout', costNanoUsd: 500 }),
      sampleAttempt(log.id, { createdAt: START, number: 2, costNanoUsd: 1_000 }),
    ];
    await insertUsage(fixture.db, [{ v: 1, log, attempts }]);
    const filter = { from: new Date(START), to: new Date(END) };
    expect(await usageBy(fixture.db, 'provider', filter, { sort: 'key', limit: 9 })).toMatchObject([
      { key: 'claude-main', requests: 0, cost_usd: 5e-7, wasted_usd: 5e-7 },
      { key: 'openai-main', requests: 1, cost_usd: 1e-6, wasted_usd: 0 },
    ]);
    expect(await providerErrors(fixture.db, filter)).toEqual([
      { provider: 'claude-main', calls: 1, errors: 1, error_rate: 1 },
      { provider: 'openai-main', calls: 1, errors: 0, error_rate: 0 },
    ]);
    expect(await spendByServiceAndCustomer(fixture.db, filter, 9)).toMatchObject([
      { service: 'billing', customer_id: 'acme', requests: 1, cost_usd: 1.5e-6 },
    ]);
  });

  it('come out the same in whatever order, however often and by however many writers events are delivered', async () => {
    const stories = fc.sample(request, { numRuns: 150, seed: 3 });
    await insertUsage(
      fixture.db,
      stories.map(({ log, attempts }) => ({ v: 1, log, attempts })),
    );
    const once = await cells();
    await fixture.sql('TRUNCATE llm_usage_logs, llm_usage_attempts, llm_usage_rollups');

    // The last call of every third request comes late, having stood as abandoned; every fifth request comes after all of its calls.
    const events: UsageEvent[] = stories.flatMap(({ log, attempts }, index): UsageEvent[] => {
      const last = attempts.at(-1);
      if (index % 5 === 0) return [...attempts.map((call) => lateEvent(call)), { v: 1, log, attempts: [] }];
      if (index % 3 !== 0 || !last || last.status === 'abandoned') return [{ v: 1, log, attempts }];
      const open: UsageAttempt = { ...last, status: 'abandoned', estimated: true, costNanoUsd: 9, unpricedReason: null };
      return [{ v: 1, log, attempts: [...attempts.slice(0, -1), open] }, lateEvent(last)];
    });
    const batches = Array.from({ length: 40 }, (_, index) => events.filter((_event, at) => (at * 7 + index) % 40 < 3));
    const writers = [0, 1, 2, 3].map(async (writer) => {
      for (const batch of batches.filter((_, index) => index % 4 === writer || index % 4 === (writer + 1) % 4))
        await insertUsage(fixture.db, batch);
    });
    await Promise.all(writers);
    expect(await cells()).toEqual(once);
    await rebuildRollups(fixture.db, { from: new Date(START), to: new Date(END) });
    expect(await cells()).toEqual(once);
  });

  it('follow a new price', async () => {
    const [story] = fc.sample(
      request.filter(({ attempts }) => attempts.length > 1),
      { numRuns: 1, seed: 5 },
    );
    await insertUsage(fixture.db, [{ v: 1, log: story!.log, attempts: story!.attempts }]);
    const range = { from: new Date(START), to: new Date(END + 1_000) };
    const stored = await storedAttempts(fixture.db, range, { after: undefined, limit: 10 });
    await repriceAttempts(
      fixture.db,
      stored.map((attempt) => ({ attempt, costNanoUsd: 1_000, unpricedReason: null, priceVersion: 'v2' })),
    );
    expect(await usageSummary(fixture.db, range)).toMatchObject({
      cost_usd: (stored.length * 1_000) / 1e9,
      unpriced_requests: 0,
    });
  });

  it('are found again by a rebuild, whatever has become of them', async () => {
    // Some on the last moment of a month, with their calls in the next one: a day and a month are those of the request.
    const lastMoment = Date.parse('2026-11-01T00:00:00Z') - 1;
    const stories = fc
      .sample(request, { numRuns: 120, seed: 21 })
      .map((story, index) => (index % 12 === 0 ? movedTo(lastMoment, story) : story));
    await insertUsage(
      fixture.db,
      stories.map(({ log, attempts }) => ({ v: 1, log, attempts })),
    );
    const right = await cells();
    await fixture.sql(`UPDATE llm_usage_rollups SET requests = requests + 1, latency = '{}' WHERE bucket < '2026-10-20'`);
    await fixture.sql(`DELETE FROM llm_usage_rollups WHERE bucket >= '2026-10-20' AND dimensions < 3`);
    const days: Date[] = [];
    const span = { from: new Date(START), to: new Date(END) };
    await rebuildRollups(fixture.db, { ...span, onDay: (day) => days.push(day) });
    expect(await cells()).toEqual(right);
    expect(days).toHaveLength(30 + 31 + 30);
  });

  it('by pentads, and by service and customer, are made of older sums by their migration', async () => {
    const stories = fc.sample(request, { numRuns: 300, seed: 17 });
    await insertUsage(
      fixture.db,
      stories.map(({ log, attempts }) => ({ v: 1, log, attempts })),
    );
    const right = await cells();
    expect(right.filter((line) => /^(2 pentad|3 day|3 month) /.test(line)).length).toBeGreaterThan(100);
    await fixture.sql(
      `DELETE FROM llm_usage_rollups WHERE grain = 'pentad' OR dimensions = 3; DROP STATISTICS llm_usage_rollups_kinds`,
    );
    const file = new URL('../../../prisma/migrations/20261125090500_pentads_of_customers/migration.sql', import.meta.url);
    await fixture.sql(await readFile(file, 'utf8'));
    expect(await cells()).toEqual(right);
  });

  it.each(['hour', 'day', 'pentad', 'month'])('are found wrong where one by the %s is', async (grain) => {
    const stories = fc.sample(request, { numRuns: 60, seed: 23 });
    await insertUsage(
      fixture.db,
      stories.map(({ log, attempts }) => ({ v: 1, log, attempts })),
    );
    const span = { from: new Date(START), to: new Date(END) };
    const isWrong = async () =>
      (await checkRollups(fixture.db, span)).some(({ wrongDays, wrongMonth }) => wrongDays.length > 0 || wrongMonth);
    expect(await isWrong()).toBe(false);
    await fixture.sql(
      `
      UPDATE llm_usage_rollups SET errors = errors + 1 WHERE ctid = (
        SELECT ctid FROM llm_usage_rollups WHERE dimensions = 2 AND grain = $1 ORDER BY bucket LIMIT 1)`,
      [grain],
    );
    expect(await isWrong()).toBe(true);
  });
});
