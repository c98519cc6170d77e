import { beforeAll, describe, expect, it } from '@jest/globals';
import { countBuckets, insertUsage, usageSummary, usageTimeseries, type UsageBucket } from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { sampleAttempt, sampleEvent, sampleLog } from './samples.js';

const fixture = useDatabase();
const at = (time: string) => Date.parse(`2026-11-20T${time}Z`);
const span = (from: string, to: string) => ({ from: new Date(at(from)), to: new Date(at(to)) });

beforeAll(async () => {
  const failed = sampleLog({ createdAt: at('10:00:00.000'), latencyMs: 10, costNanoUsd: 5, attemptCount: 1, status: 'error' });
  const attempts = [sampleAttempt(failed.id, { createdAt: failed.createdAt, status: 'error', costNanoUsd: 5 })];
  await insertUsage(fixture.db, [
    { v: 1, log: failed, attempts },
    sampleEvent({ createdAt: at('10:59:59.999'), latencyMs: 30 }),
    sampleEvent({ createdAt: at('13:30:00.000'), latencyMs: 50 }),
    sampleEvent({ createdAt: at('14:30:00.000') }),
  ]);
});

describe('the time series', () => {
  it('has every hour, those without requests as zeros', async () => {
    const points = await usageTimeseries(fixture.db, span('09:30:00', '14:30:00'), 'hour');
    expect(points.map(({ start, requests }) => [start.slice(11, 16), requests])).toEqual([
      ['09:00', 0],
      ['10:00', 2],
      ['11:00', 0],
      ['12:00', 0],
      ['13:00', 1],
      ['14:00', 0],
    ]);
    expect(points[1]).toMatchObject({ errors: 1, error_rate: 0.5, wasted_usd: 5e-9, latency_ms: { p50: 10 } });
    expect(points[2]).toMatchObject({ cost_usd: 0, error_rate: 0, latency_ms: { p50: null, p95: null, p99: null } });
  });

  it('has each request in its own hour over whole days too, whose sums must not stand in for their hours', async () => {
    const filter = { from: new Date('2026-11-18T00:00:00Z'), to: new Date('2026-11-23T00:00:00Z') };
    const points = await usageTimeseries(fixture.db, filter, 'hour');
    const filled = points.filter(({ requests }) => requests > 0);
    expect(filled.map(({ start, requests }) => [start, requests])).toEqual([
      ['2026-11-20T10:00:00.000Z', 2],
      ['2026-11-20T13:00:00.000Z', 1],
      ['2026-11-20T14:00:00.000Z', 1],
    ]);
  });

  it.each(['minute', 'hour', 'day'] as const)(
    'by %s comes to the same as the summary, in as many points as foretold',
    async (bucket) => {
      const filter = span('08:15:30', '16:45:10');
      const points = await usageTimeseries(fixture.db, filter, bucket);
      expect(points).toHaveLength(countBuckets(filter, bucket));
      const summary = await usageSummary(fixture.db, filter);
      expect(points.reduce((sum, point) => sum + point.requests, 0)).toBe(summary.requests);
      expect(points.reduce((sum, point) => sum + point.cost_usd, 0)).toBeCloseTo(summary.cost_usd, 12);
    },
  );

  it.each<[UsageBucket, string, string, number]>([
    ['minute', '10:00:00', '10:01:00', 1],
    ['minute', '10:00:59.999', '10:01:00.001', 2],
    ['hour', '10:00:00', '10:00:00.001', 1],
    ['day', '00:00:00', '23:59:59', 1],
  ])('counts %ss from %s to %s', (bucket, from, to, count) => {
    expect(countBuckets(span(from, to), bucket)).toBe(count);
  });
});
