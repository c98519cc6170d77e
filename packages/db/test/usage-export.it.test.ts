import { describe, expect, it } from '@jest/globals';
import { insertUsage, usageExport, usageSummary, type UsageExportRow } from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { sampleAttempt, sampleLog } from './samples.js';

const fixture = useDatabase();
/** A moment before a month ends: the calls of a request that arrives then are in the next month's partition. */
const AT = Date.parse('2026-08-31T23:59:59.999Z');
const SPAN = { from: new Date(AT), to: new Date(AT + 60_000) };

/** A request whose calls cost as told, the failed ones first. */
function request(failed: number[], ok: number | null, log: Parameters<typeof sampleLog>[0] = {}) {
  const costs = ok === null ? failed : [...failed, ok];
  const row = sampleLog({
    createdAt: AT,
    attemptCount: costs.length,
    costNanoUsd: costs.reduce((a, b) => a + b, 0),
    status: ok === null ? 'error' : 'ok',
    ...log,
  });
  const attempts = costs.map((costNanoUsd, index) =>
    sampleAttempt(row.id, {
      costNanoUsd,
      number: index + 1,
      createdAt: AT + 1 + index,
      status: index < failed.length ? 'error' : 'ok',
      error: index < failed.length ? 'timeout' : null,
    }),
  );
  return { v: 1 as const, log: row, attempts };
}

describe('an export', () => {
  it('says of each request what it has cost and what of that was wasted, which come to the figures of the whole', async () => {
    const events = [
      request([], 3),
      request([20, 100], 5_000),
      request([7_000], null),
      // Answered from the cache after all, when the provider could not.
      request([90_000], null, { status: 'ok', cacheStatus: 'STALE' }),
      request([], null, { status: 'ok', cacheStatus: 'HIT' }),
    ];
    await insertUsage(fixture.db, events);
    const rows: UsageExportRow[] = [];
    for await (const batch of usageExport(fixture.db, SPAN, 2)) rows.push(...batch);
    const money = new Map(rows.map(({ id, cost_usd, wasted_usd }) => [id, [cost_usd, wasted_usd]]));
    expect(events.map(({ log }) => money.get(log.id))).toEqual([
      ['0.000000003', '0.000000000'],
      ['0.000005120', '0.000000120'],
      ['0.000007000', '0.000007000'],
      ['0.000090000', '0.000090000'],
      ['0.000000000', '0.000000000'],
    ]);
    expect(await usageSummary(fixture.db, SPAN)).toMatchObject({ requests: 5, cost_usd: 0.000102123, wasted_usd: 0.00009712 });
  });
});
