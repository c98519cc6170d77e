/** A PostgreSQL with a year of usage in it, made once and kept for the next run. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { closeDatabase, migrate, openDatabase, rebuildRollups } from '@llm-gateway/db';
import { startPostgres } from '@llm-gateway/local-services';
import { generate } from './generate.mjs';

/** The year's end, not included. Fixed, so that the same rows are made whenever it runs. */
export const END = new Date('2026-11-01T00:00:00Z');
export const START = new Date('2025-11-01T00:00:00Z');

/** Grows with every change of the generator: what an older one has made is made again. */
const GENERATION = 1;

/**
 * @param dir where data is kept, a folder for each number of rows. @param say told how far it has come.
 * @returns the running server: `url` for the gateway, `connection` for pg, and `stop`.
 */
export async function startDatabase({ dir, rows, say }) {
  const home = join(dir, String(rows));
  await mkdir(home, { recursive: true });
  const made = join(home, `made-${GENERATION}.json`);
  const server = await startPostgres({ dataDir: join(home, 'postgres') });
  const url = new URL(server.url);
  url.search = '?schema=llm_gateway';
  const connection = { connectionString: server.url, options: '-c search_path=llm_gateway -c TimeZone=UTC' };
  try {
    await migrate(url.href, { onProgress: say });
    const known = await readFile(made, 'utf8').then(JSON.parse, () => null);
    const facts = known ?? (await fill({ url: url.href, connection, rows, say }));
    if (!known) await writeFile(made, JSON.stringify(facts));
    return { url: url.href, connection, facts, stop: () => server.stop() };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function fill({ url, connection, rows, say }) {
  const client = new pg.Client(connection);
  await client.connect();
  // Fewer checkpoints while it is filled; a crash then is no loss, for it would be made again.
  await client.query("ALTER SYSTEM SET max_wal_size = '16GB'");
  await client.query('SELECT pg_reload_conf()');
  await client.query('TRUNCATE llm_usage_logs, llm_usage_attempts, llm_usage_rollups');
  const generated = await timed(() =>
    generate(connection, { rows, end: END, onMonth: (month) => say(`made the rows of ${month.toISOString().slice(0, 7)}`) }),
  );
  await client.query('VACUUM ANALYZE llm_usage_logs, llm_usage_attempts');
  const rebuilt = await timed(() => rebuild(url, say));
  await client.query('VACUUM ANALYZE llm_usage_rollups');
  await client.query('ALTER SYSTEM RESET max_wal_size');
  await client.query('SELECT pg_reload_conf()');
  await client.query('CHECKPOINT');
  await client.end();
  return { rows, generate_s: generated / 1_000, rebuild_s: rebuilt / 1_000 };
}

async function rebuild(url, say) {
  const db = openDatabase(url, { statementTimeoutMs: 600_000 });
  const onDay = (day) => day.getUTCDate() === 1 && say(`summing up ${day.toISOString().slice(0, 7)}`);
  await rebuildRollups(db, { from: START, to: END, onDay });
  await closeDatabase(db);
}

async function timed(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
