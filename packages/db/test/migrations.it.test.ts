import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@llm-gateway/local-services';
import pg from 'pg';
import { closeDatabase, findDrift, migrate, openDatabase, usageSummary } from '../src/index.js';
import { bookUnbooked } from '../src/usage/rollups/rebuild.js';

/** Each test applies all migrations, some several times, on a machine that may run other tests as well. */
jest.setTimeout(60_000);

let database: TestDatabase;
let client: pg.Client;
beforeEach(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterEach(async () => {
  await client.end();
  await database.drop();
});

const tablesOf = async (schema: string): Promise<string[]> => {
  const { rows } = await client.query<{ name: string }>(
    'SELECT tablename AS name FROM pg_tables WHERE schemaname = $1 ORDER BY 1',
    [schema],
  );
  return rows.map((row) => row.name);
};
const OURS = [
  'llm_alerts',
  'llm_audit_logs',
  'llm_budgets',
  'llm_config_state',
  'llm_customer_overrides',
  'llm_provider_configs',
  'llm_sealed_secrets',
  'llm_service_keys',
  'llm_usage_attempts',
  'llm_usage_logs',
  'llm_usage_rollups',
];
const FOLDER = new URL('../../../prisma/migrations/', import.meta.url);
const MIGRATIONS = readdirSync(FOLDER).filter((name) => /^\d+_/.test(name));

describe('migrate', () => {
  it('makes the schema of the URL with its tables, and leaves the others alone', async () => {
    await client.query('CREATE TABLE public.llm_usage_logs (mine integer)');
    expect(await migrate(database.url)).toEqual(MIGRATIONS);
    expect(await tablesOf('llm_gateway_test')).toEqual(['_prisma_migrations', ...OURS]);
    expect(await tablesOf('public')).toEqual(['llm_usage_logs']);
  });

  it('shares a schema with the tables of others', async () => {
    await client.query('CREATE TABLE public.theirs (id integer)');
    expect(await migrate(database.url.replace('?schema=llm_gateway_test', ''))).toEqual(MIGRATIONS);
    expect(await tablesOf('public')).toEqual(['_prisma_migrations', ...OURS, 'theirs']);
  });

  it('finds nothing to do the second time', async () => {
    await migrate(database.url);
    expect(await migrate(database.url)).toEqual([]);
  });

  it('applies each migration once when four processes start at the same moment', async () => {
    const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(database.url)));
    expect(applied.flat()).toEqual(MIGRATIONS);
    const { rows } = await client.query('SELECT migration_name FROM llm_gateway_test._prisma_migrations');
    expect(rows).toHaveLength(MIGRATIONS.length);
  });

  it('leaves nothing behind when a migration fails, and runs it again once the cause is gone', async () => {
    await client.query('CREATE SCHEMA llm_gateway_test; CREATE TABLE llm_gateway_test.llm_usage_attempts (in_the_way integer)');
    await expect(migrate(database.url)).rejects.toThrow(
      /^migration \d+_the_tables could not be applied.*"llm_usage_attempts" already exists$/,
    );
    expect(await tablesOf('llm_gateway_test')).toEqual(['_prisma_migrations', 'llm_usage_attempts']);
    await client.query('DROP TABLE llm_gateway_test.llm_usage_attempts');
    expect(await migrate(database.url)).toEqual(MIGRATIONS);
  });

  it('refuses to go on where an applied migration was edited afterwards', async () => {
    await migrate(database.url);
    await client.query(`UPDATE llm_gateway_test._prisma_migrations SET checksum = repeat('0', 64)`);
    await expect(migrate(database.url)).rejects.toThrow(/edited afterwards: \d+_the_tables/);
  });

  it('says what it does', async () => {
    const said: string[] = [];
    await migrate(database.url, { onProgress: (message) => said.push(message) });
    expect(said).toEqual(['applying database migrations', ...MIGRATIONS.map((name) => `applied ${name}`)]);
  });

  it('reports a database that cannot be reached', async () => {
    await expect(migrate('postgresql://u:p@127.0.0.1:1/db')).rejects.toMatchObject({ code: 'unavailable' });
  });
});

/** Migrations take their time on a machine that does other things as well. */
jest.setTimeout(30_000);

describe('the migrations', () => {
  it('carry the rows of unpartitioned tables over, into their months and their sums', async () => {
    await client.query('CREATE SCHEMA llm_gateway_test; SET search_path = llm_gateway_test');
    await client.query(await readFile(new URL(`${MIGRATIONS[0]}/migration.sql`, FOLDER), 'utf8'));
    await client.query(`INSERT INTO llm_usage_logs SELECT 'req_' || n, '2026-01-15T10:00:00Z'::timestamptz + n * interval '20 days', 'billing',
      NULL, NULL, 'openai-main', 'openai', 'm', 'ok', NULL, 'MISS', 'stop', 10, 0, 0, 0, 5, 0, 0.5, NULL, 0, 100, 1, 1, false, '{}', NULL
      FROM generate_series(0, 3) AS n`);
    await client.query('DROP TABLE IF EXISTS _prisma_migrations');
    for (const name of MIGRATIONS.slice(1)) await client.query(await readFile(new URL(`${name}/migration.sql`, FOLDER), 'utf8'));
    const { rows } = await client.query(
      `SELECT tableoid::regclass::text AS month, count(*)::integer FROM llm_usage_logs GROUP BY 1 ORDER BY 1`,
    );
    expect(rows).toEqual([
      { month: 'llm_gateway_test_partitions.llm_usage_logs_2026_01', count: 1 },
      { month: 'llm_gateway_test_partitions.llm_usage_logs_2026_02', count: 2 },
      { month: 'llm_gateway_test_partitions.llm_usage_logs_2026_03', count: 1 },
    ]);
    const db = openDatabase(database.url);
    await bookUnbooked(db);
    const span = { from: new Date('2026-01-01'), to: new Date('2027-01-01') };
    expect(await usageSummary(db, span)).toMatchObject({ requests: 4, cost_usd: 2, input_tokens: 40 });
    await bookUnbooked(db);
    expect(await usageSummary(db, span)).toMatchObject({ requests: 4 });
    await closeDatabase(db);
  });

  it('bring an empty database to schema.prisma', async () => {
    expect(await findDrift(database.url)).toBe('');
  });

  it('are found lacking when schema.prisma gets ahead of them', async () => {
    const schema = await readFile(new URL('../../../prisma/schema.prisma', import.meta.url), 'utf8');
    const ahead = schema.replace('worker              String', 'worker String\n  region String?');
    expect(await findDrift(database.url, ahead)).toContain('ALTER TABLE "llm_usage_attempts" ADD COLUMN     "region" TEXT');
    expect(await findDrift(database.url, schema.replace('@@index([requestId])', ''))).toContain(
      'DROP INDEX "llm_usage_attempts_request_id_idx"',
    );
  });

  it('are compared without a trace in the database', async () => {
    await findDrift(database.url);
    const { rows } = await client.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'llm%'`);
    expect(rows).toEqual([]);
  });
});
