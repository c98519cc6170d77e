import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** Where jest's global setup leaves the address of the server for tests; workers inherit it. */
export const TEST_POSTGRES_VARIABLE = 'LLM_GATEWAY_TEST_POSTGRES';

export interface TestDatabase {
  /** Ends with `?schema=llm_gateway_test`. */
  readonly url: string;
  drop(): Promise<void>;
}

/**
 * A fresh, empty database for one test file, on the server of this test run. Not migrated.
 * @throws Error outside a jest project that starts the server (integration and e2e).
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  // Jest hands nothing but the environment from its global set-up to a test.
  const server = process.env[TEST_POSTGRES_VARIABLE];
  if (!server) throw new Error('no PostgreSQL runs for tests here: name the file *.it.test.ts or *.e2e.test.ts');
  const name = `llm_gateway_test_${randomBytes(6).toString('hex')}`;
  await runStatement(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = name;
  url.search = '?schema=llm_gateway_test';
  return { url: url.href, drop: () => runStatement(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function runStatement(server: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
