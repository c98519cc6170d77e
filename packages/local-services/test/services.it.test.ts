import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase } from '../src/index.js';

describe('a test database', () => {
  it('is a real, empty database of its own', async () => {
    const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    expect(one.url).not.toBe(two.url);
    expect(one.url).toMatch(/\?schema=llm_gateway_test$/);
    const client = new pg.Client({ connectionString: one.url });
    await client.connect();
    const { rows } = await client.query("SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')");
    await client.end();
    expect(rows).toEqual([{ tables: 0 }]);
    await Promise.all([one.drop(), two.drop()]);
    await expect(new pg.Client({ connectionString: one.url }).connect()).rejects.toThrow(/does not exist/);
  });
});
