/** How figures and pages are read from large tables, told by PostgreSQL's own counters rather than by a clock. */
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  closeDatabase,
  openDatabase,
  rebuildRollups,
  usageBy,
  usageLogs,
  usageSummary,
  usageTimeseries,
  type Db,
} from '../src/index.js';
import { useDatabase } from './database-fixture.js';

jest.setTimeout(180_000);
const fixture = useDatabase();

const END = new Date('2026-11-01T00:00:00Z');
/** Not on an hour at either end. Only these months have sums. */
const RANGE = { from: new Date('2026-09-05T03:21:07Z'), to: new Date('2026-10-19T17:44:51Z') };
const YEAR = { from: new Date('2025-11-01T00:00:00Z'), to: END };

interface Generator {
  generate: (connection: object, options: { rows: number; end: Date; onMonth: () => void }) => Promise<void>;
}

beforeAll(async () => {
  const { generate } = (await import(new URL('../../../bench/usage/generate.mjs', import.meta.url).href)) as Generator;
  const connectionString = fixture.url.replace(/\?.*/, '');
  const options = '-c search_path=llm_gateway_test -c TimeZone=UTC';
  await generate({ connectionString, options }, { rows: 200_000, end: END, onMonth: () => undefined });
  await rebuildRollups(fixture.db, RANGE);
  await fixture.sql('VACUUM ANALYZE');
});

interface Scans {
  name: string;
  seq: number;
  idx: number;
}
const scans = () =>
  fixture.sql<Scans>(`
    SELECT relname AS name, coalesce(seq_scan, 0)::integer AS seq, coalesce(idx_scan, 0)::integer AS idx
    FROM pg_stat_user_tables WHERE relname LIKE 'llm_usage_%' ORDER BY relname`);

/** What a read has looked at: counters are complete once its connection has ended and they move no more. */
async function scannedBy(read: (db: Db) => Promise<unknown>): Promise<{ whole: string[]; byIndex: string[] }> {
  const before = new Map((await scans()).map((row) => [row.name, row]));
  const db = openDatabase(fixture.url, { poolSize: 1 });
  await read(db);
  await closeDatabase(db);
  let after: Scans[] = [];
  const moved = (what: 'seq' | 'idx') =>
    after.filter((row) => row[what] > (before.get(row.name)?.[what] ?? 0)).map((row) => row.name);
  while (moved('idx').length + moved('seq').length === 0) after = await scans();
  return { whole: moved('seq'), byIndex: moved('idx') };
}

const ENDS = ['2026_09', '2026_10'];
const monthsOf = (names: string[]) => [...new Set(names.filter((name) => /\d$/.test(name)).map((name) => name.slice(-7)))].sort();

describe('figures of any range', () => {
  const ofSeo = { ...RANGE, service: 'seo' };
  const ofCustomer = { ...RANGE, customerId: 'customer-7' };
  const top = { sort: 'cost_usd', limit: 50 } as const;
  it.each<[string, (db: Db) => Promise<unknown>]>([
    ['summary', (db) => usageSummary(db, RANGE)],
    ['summary of a service', (db) => usageSummary(db, ofSeo)],
    ['summary of a customer', (db) => usageSummary(db, ofCustomer)],
    ['by-provider', (db) => usageBy(db, 'provider', RANGE, top)],
    ['by-model of a service', (db) => usageBy(db, 'model', ofSeo, top)],
    ['by-customer', (db) => usageBy(db, 'customer', RANGE, top)],
    ['by-service of a customer', (db) => usageBy(db, 'service', ofCustomer, top)],
    ['hours', (db) => usageTimeseries(db, RANGE, 'hour')],
  ])('come from the sums, and from rows at its two ends alone: %s', async (_, read) => {
    const { whole, byIndex } = await scannedBy(read);
    expect(whole).toEqual([]);
    expect(byIndex).toContain('llm_usage_rollups');
    expect(monthsOf(byIndex)).toEqual(ENDS);
  });
});

describe('a page of logs', () => {
  const cursor = Buffer.from(JSON.stringify(['2026-03-17T09:00:00.000Z', 'req_'])).toString('base64url');
  it.each([
    ['all', {}],
    ['of a service', { service: 'seo' }],
    ['of a provider', { provider: 'openai-main' }],
    ['of a customer', { customerId: 'customer-1' }],
    ['of a customer and provider', { customerId: 'customer-1', provider: 'custom-main' }],
  ])('is read by index from its own month on, wherever it is: %s', async (_, filter) => {
    const { whole, byIndex } = await scannedBy((db) => usageLogs(db, { ...YEAR, ...filter }, { limit: 20, cursor }));
    expect(whole).toEqual([]);
    // The planner itself looks at the edges of the months before it; nothing looks at those after.
    expect(monthsOf(byIndex).at(-1)).toBe('2026_03');
  });

  it('is begun where the page before has ended, not where its month ends', async () => {
    const read = async () =>
      (
        await fixture.sql<{ n: number }>(
          `SELECT coalesce(sum(idx_tup_read), 0)::integer AS n FROM pg_stat_user_indexes WHERE indexrelname LIKE 'llm_usage_logs_2026_03%'`,
        )
      )[0]!.n;
    const before = await read();
    await scannedBy((db) => usageLogs(db, YEAR, { limit: 20, cursor }));
    expect((await read()) - before).toBeLessThan(100);
  });

  it('of a customer and provider fetches no rows of the customer at other providers, which are ten times as many', async () => {
    const fetched = async () =>
      (
        await fixture.sql<{ n: number }>(
          `SELECT coalesce(sum(idx_tup_fetch), 0)::integer AS n FROM pg_stat_user_tables WHERE relname LIKE 'llm_usage_logs_%'`,
        )
      )[0]!.n;
    const before = await fetched();
    const filter = { ...YEAR, customerId: 'customer-1', provider: 'custom-main' };
    await scannedBy(async (db) => expect((await usageLogs(db, filter, { limit: 20, cursor })).data).toHaveLength(20));
    expect((await fetched()) - before).toBeLessThan(50);
  });
});
