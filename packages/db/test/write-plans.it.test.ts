/** How rows are written to a month of which PostgreSQL believes that it is empty, told by its own counters rather than by a clock. */
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newAttemptId, newRequestId, type UsageEvent } from '@llm-gateway/shared';
import { closeDatabase, insertUsage, openDatabase, type Db } from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { ARRIVED, lateEvent, sampleAttempt, sampleEvent } from './samples.js';

jest.setTimeout(120_000);
const fixture = useDatabase();
const MONTH = '2026_11';
const SIZE = 1_000;

/** Half of them without a price: their cost is looked for in their calls. */
const batch = (number: number): UsageEvent[] =>
  Array.from({ length: SIZE }, (_, index) => {
    const createdAt = ARRIVED + number * SIZE + index;
    return sampleEvent({ id: newRequestId(createdAt), createdAt, costNanoUsd: index % 2 === 0 ? 8_400 : null });
  });

beforeAll(async () => {
  await insertUsage(fixture.db, [sampleEvent({ id: newRequestId(ARRIVED - 1_000), createdAt: ARRIVED - 1_000 })]);
  for (const table of ['logs', 'attempts'])
    await fixture.sql(`ALTER TABLE llm_gateway_test_partitions.llm_usage_${table}_${MONTH} SET (autovacuum_enabled = off)`);
  await fixture.sql('ANALYZE');
});

const rowsRead = async () =>
  (
    await fixture.sql<{ n: number }>(
      `SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::float8
        + (SELECT sum(idx_tup_read)::float8 FROM pg_stat_user_indexes WHERE relname ~ '^llm_usage_(logs|attempts)_${MONTH}$') AS n
      FROM pg_stat_user_tables WHERE relname ~ '^llm_usage_(logs|attempts)_${MONTH}$'`,
    )
  )[0]!.n;

/** Counters are complete once the connection that wrote has ended and they move no more. */
async function readBy(write: (db: Db) => Promise<unknown>): Promise<number> {
  const before = await rowsRead();
  const db = openDatabase(fixture.url, { poolSize: 1, statementTimeoutMs: 60_000 });
  await write(db);
  await closeDatabase(db);
  let after = before;
  while (after === before) after = await rowsRead();
  return after - before;
}

describe('a month that was analyzed with its first row in it', () => {
  const first = batch(0);
  /** Each statement that looks for them reads what the batches so far have; a look through all for each request reads a million. */
  const FEW = 60 * SIZE;

  it('gets a batch without a look through all calls for each of its requests', async () => {
    await insertUsage(fixture.db, first);
    expect(await readBy((db) => insertUsage(db, batch(1)))).toBeLessThan(FEW);
  });

  it('gets late calls of it so, too', async () => {
    const late = first.map(({ log }) => {
      const createdAt = (log?.createdAt ?? ARRIVED) + 2;
      return lateEvent(sampleAttempt(log?.id ?? '', { id: newAttemptId(createdAt), createdAt, number: 2 }));
    });
    expect(await readBy((db) => insertUsage(db, late))).toBeLessThan(FEW);
  });
});
