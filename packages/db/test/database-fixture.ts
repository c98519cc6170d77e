import { afterAll, beforeAll } from '@jest/globals';
import { createTestDatabase } from '@llm-gateway/local-services';
import pg from 'pg';
import { actingAs, closeDatabase, migrate, openDatabase, type ActingDb } from '../src/index.js';

/** Who acts in the tests. */
export const TESTER = { keyId: 'env_tester', requestId: 'req_of_the_tests', address: '203.0.113.7' };

/** A migrated database of the test file's own, looked at from outside by `sql`. */
export interface DatabaseFixture {
  readonly db: ActingDb;
  readonly url: string;
  sql<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
}

export function useDatabase(): DatabaseFixture {
  let open: { db: ActingDb; url: string; client: pg.Client; drop: () => Promise<void> } | undefined;
  const fixture = () => {
    if (!open) throw new Error('the database is there from beforeAll on');
    return open;
  };
  beforeAll(async () => {
    const { url, drop } = await createTestDatabase();
    await migrate(url);
    const client = new pg.Client({ connectionString: url, options: '-c search_path=llm_gateway_test' });
    await client.connect();
    open = { db: actingAs(openDatabase(url), TESTER), url, client, drop };
  });
  afterAll(async () => {
    if (!open) return;
    await closeDatabase(open.db);
    await open.client.end();
    await open.drop();
  });
  return {
    get db() {
      return fixture().db;
    },
    get url() {
      return fixture().url;
    },
    sql: async <Row extends object>(text: string, values?: unknown[]) => (await fixture().client.query<Row>(text, values)).rows,
  };
}
