import { describe, expect, it } from '@jest/globals';
import { newRequestId } from '@llm-gateway/shared';
import {
  dropPartitionsBefore,
  ensureComingPartitions,
  insertUsage,
  isDataError,
  rebuildRollups,
  usageSummary,
} from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { lateEvent, sampleAttempt, sampleEvent } from './samples.js';

const fixture = useDatabase();
const months = async (table: string): Promise<string[]> =>
  (
    await fixture.sql<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'llm_gateway_test_partitions' AND tablename LIKE $1 ORDER BY 1`,
      [`${table}_2%`],
    )
  ).map((row) => row.name.slice(-7));

describe('the months of the big tables', () => {
  it('are made ahead of time, once', async () => {
    const now = Date.parse('2031-05-20T00:00:00Z');
    await Promise.all([1, 2, 3].map(() => ensureComingPartitions(fixture.db, now)));
    expect((await months('llm_usage_logs')).filter((month) => month.startsWith('2031'))).toEqual([
      '2031_05',
      '2031_06',
      '2031_07',
    ]);
    expect(await ensureComingPartitions(fixture.db, now)).toBe(0);
  });

  it('are made when a row needs one, whichever table it is for and however many writers need it', async () => {
    const events = ['2024-02-29T23:59:59.999Z', '2024-03-01T00:00:00Z'].map((time) =>
      sampleEvent({ createdAt: Date.parse(time) }),
    );
    const inserted = await Promise.all([insertUsage(fixture.db, events), insertUsage(fixture.db, events)]);
    expect(inserted.reduce((sum, { logs }) => sum + logs, 0)).toBe(2);
    await insertUsage(fixture.db, [lateEvent(sampleAttempt(newRequestId(Date.parse('2023-07-01T00:00:00Z'))))]);
    expect(await months('llm_usage_attempts')).toEqual(expect.arrayContaining(['2023_07', '2024_02', '2024_03']));
    const bounds = await fixture.sql<{ n: number }>(
      `SELECT count(*)::integer AS n FROM llm_gateway_test_partitions.llm_usage_logs_2024_02`,
    );
    expect(bounds).toEqual([{ n: 1 }]);
  });

  it.each([1, Date.parse('2019-12-31T00:00:00Z'), Date.parse('9000-01-01T00:00:00Z')])(
    'are not made for a time that cannot be (%d): the row is refused for good',
    async (createdAt) => {
      const error = await insertUsage(fixture.db, [sampleEvent({ createdAt })]).catch((reason: unknown) => reason);
      expect(isDataError(error)).toBe(true);
    },
  );

  it('go when they are too old, and the figures stay', async () => {
    const at = (time: string) => sampleEvent({ createdAt: Date.parse(time), costNanoUsd: 1_000_000_000 });
    await insertUsage(fixture.db, [at('2025-01-31T23:00:00Z'), at('2025-02-01T00:00:00Z')]);
    const dropped = await dropPartitionsBefore(fixture.db, new Date('2025-02-28T00:00:00Z'));
    expect(dropped).toEqual(expect.arrayContaining(['llm_usage_attempts_2025_01', 'llm_usage_logs_2025_01']));
    expect(dropped.some((name) => name.endsWith('2025_02'))).toBe(false);
    const year = { from: new Date('2025-01-01T00:00:00Z'), to: new Date('2026-01-01T00:00:00Z') };
    expect(await usageSummary(fixture.db, year)).toMatchObject({ requests: 2, cost_usd: 2 });
    expect(await fixture.sql(`SELECT count(*)::integer AS n FROM llm_usage_logs WHERE created_at < '2025-02-01'`)).toEqual([
      { n: 0 },
    ]);
  });

  it('take no more rows once they are dropped: a copy that comes after years counts nothing twice', async () => {
    const event = sampleEvent({ createdAt: Date.parse('2024-11-30T12:00:00Z'), costNanoUsd: 1_000_000_000 });
    await insertUsage(fixture.db, [event]);
    await dropPartitionsBefore(fixture.db, new Date('2024-12-01T00:00:00Z'));
    const again = await insertUsage(fixture.db, [event, sampleEvent()]).catch((reason: unknown) => reason);
    expect([isDataError(again), String(again)]).toEqual([true, expect.stringContaining('rows of 2024-11 have been dropped')]);
    const month = { from: new Date('2024-11-01T00:00:00Z'), to: new Date('2024-12-01T00:00:00Z') };
    expect(await usageSummary(fixture.db, month)).toMatchObject({ requests: 1, cost_usd: 1 });
    // Their sums are all that is left: a rebuild, which begins a month before, stops at them.
    await expect(rebuildRollups(fixture.db, { ...month, from: new Date('2024-10-01T00:00:00Z') })).rejects.toThrow(
      'the usage rows of 2024-11 have been dropped',
    );
    expect(await usageSummary(fixture.db, month)).toMatchObject({ requests: 1, cost_usd: 1 });
  });

  it('have an index of the calls without a price', async () => {
    const rows = await fixture.sql<{ def: string }>(
      `SELECT indexdef AS def FROM pg_indexes WHERE schemaname = 'llm_gateway_test_partitions' AND indexdef LIKE '%cost_usd IS NULL%'`,
    );
    expect(rows.length).toBeGreaterThan(0);
  });
});
