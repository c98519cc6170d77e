/** `npm run migrate`: brings the database of DATABASE_URL up to date. */
import { migrate } from '@llm-gateway/db';
import { readMigrateEnv } from './env.js';

const { DATABASE_URL } = readMigrateEnv();
try {
  const applied = await migrate(DATABASE_URL, { onProgress: (message) => console.log(message) });
  console.log(applied.length === 0 ? 'nothing to do: the database is up to date' : `applied ${applied.join(', ')}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
