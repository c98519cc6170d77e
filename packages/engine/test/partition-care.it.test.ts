import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { closeDatabase, migrate, openDatabase, type Db } from '@llm-gateway/db';
import { createTestDatabase } from '@llm-gateway/local-services';
import pg from 'pg';
import { careForPartitions } from '../src/usage/partition-care.js';
import { startPartitionCare } from '../src/index.js';
import { logger, until } from './harness.js';

let db: Db;
let client: pg.Client;
let drop: () => Promise<void>;

beforeAll(async () => {
  const database = await createTestDatabase();
  drop = () => database.drop();
  await migrate(database.url);
  db = openDatabase(database.url);
  client = new pg.Client({ connectionString: database.url, options: '-c search_path=llm_gateway_test_partitions' });
  await client.connect();
}, 30_000);
afterAll(async () => {
  await closeDatabase(db);
  await client.end();
  await drop();
});

/** The months that there are of both tables, `2030_12`. */
const months = async (year: string): Promise<string[]> => {
  const { rows } = await client.query<{ month: string }>(
    `SELECT right(tablename, 7) AS month FROM pg_tables WHERE schemaname = current_schema() AND right(tablename, 7) LIKE $1
     GROUP BY 1 HAVING count(*) = 2 ORDER BY 1`,
    [`${year}%`],
  );
  return rows.map(({ month }) => month);
};

describe('the care for months', () => {
  it('makes the coming ones as a process lives on over the turn of a month, or a year', async () => {
    await careForPartitions({ db, retentionDays: undefined, logger }, Date.parse('2030-11-15T00:00:00Z'));
    expect([await months('2030'), await months('2031')]).toEqual([['2030_11', '2030_12'], ['2031_01']]);
    await careForPartitions({ db, retentionDays: undefined, logger }, Date.parse('2030-12-31T23:59:59Z'));
    expect(await months('2031')).toEqual(['2031_01', '2031_02', '2031_03']);
  });

  it('drops a month once its newest row is past the retention, and not a moment before', async () => {
    const care = (now: string) => careForPartitions({ db, retentionDays: 30, logger }, Date.parse(now));
    await care('2032-03-01T00:00:00Z');
    expect(await months('2032')).toEqual(['2032_02', '2032_03', '2032_04', '2032_05']);
    // February 2032 ends with the 29th: its last row is 30 days old when the 30th of March is over.
    await care('2032-03-30T23:59:59Z');
    expect((await months('2032'))[0]).toBe('2032_02');
    await Promise.all([care('2032-03-31T00:00:00Z'), care('2032-03-31T00:00:00Z')]);
    expect((await months('2032'))[0]).toBe('2032_03');
    expect(await months('2030')).toEqual([]);
  });

  it('begins as soon as a worker starts', async () => {
    const month = new Date().toISOString().slice(0, 7).replace('-', '_');
    await client.query(`DROP TABLE IF EXISTS llm_usage_logs_${month}`);
    const stop = startPartitionCare({ db, retentionDays: undefined, logger });
    await until(async () => (await months(month)).length === 1);
    await stop();
  });
});
