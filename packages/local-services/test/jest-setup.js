// One PostgreSQL for a whole test run, in a directory of its own. Test files make their databases on it with createTestDatabase(), and
// start a Redis each. TEST_DATABASE_URL may name another server (a role that may create databases); none is started then.
//
// Plain JavaScript on the built package: jest's global set-up runs outside its module mapping.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOrInstallRedis, startPostgres, TEST_POSTGRES_VARIABLE } from '../dist/index.js';

export default async function setUp() {
  await findOrInstallRedis({ onProgress: (message) => console.error(message) });
  const given = process.env.TEST_DATABASE_URL;
  if (given) {
    process.env[TEST_POSTGRES_VARIABLE] = given;
    return;
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'llm-gateway-postgres-'));
  const postgres = await startPostgres({ dataDir, persistent: false });
  process.env[TEST_POSTGRES_VARIABLE] = postgres.url;
  globalThis.stopTestPostgres = () => postgres.stop();
}
