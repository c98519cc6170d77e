import { createHash } from 'node:crypto';
import type { MigrationList } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { closeDatabase, openDatabase } from '../connection/database.js';
import { databaseTarget, type DatabaseTarget } from '../connection/database-url.js';
import { domainError } from '../connection/errors.js';
import { readMigrations, readSchema } from './migration-files.js';
import { withSchemaEngine } from './schema-engine.js';
import { bookUnbooked } from '../usage/rollups/rebuild.js';

export interface MigrateOptions {
  /** Told what is being done, in a short sentence without secrets. */
  onProgress?: (message: string) => void;
}

/**
 * Brings a database up to date: creates the schema named by `?schema=` if it is missing and applies the migrations that are. Safe to call
 * from any number of processes at once; each migration applies whole or not at all.
 * @returns the names of the migrations applied now.
 * @throws GatewayError `unavailable` when the database cannot be reached; Error naming the migration that failed.
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<string[]> {
  const target = databaseTarget(databaseUrl);
  const progress = options.onProgress ?? (() => undefined);
  const migrations = await readMigrations();
  try {
    return await withLock(target, progress, async (client) => {
      await prepareSchema(client, target.schema);
      if (await isCurrent(client, migrations)) return [];
      const applied = await apply(databaseUrl, migrations, progress);
      await bookOldRows(databaseUrl, progress);
      return applied;
    });
  } catch (error) {
    throw domainError(error);
  }
}

/** One process at a time for each schema. The lock ends with its connection, so a killed process holds up nobody. */
async function withLock<T>(
  target: DatabaseTarget,
  progress: (message: string) => void,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { connectionString, options, schema } = target;
  const client = new pg.Client({
    connectionString,
    options,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    application_name: 'llm-gateway-migrate',
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const key = ['llm-gateway migrate', schema];
    const tried = await client.query<{ locked: boolean }>(
      'SELECT pg_try_advisory_lock(hashtext($1), hashtext($2)) AS locked',
      key,
    );
    if (!tried.rows[0]?.locked) {
      progress('waiting for another process that is migrating');
      await client.query('SELECT pg_advisory_lock(hashtext($1), hashtext($2))', key);
    }
    return await work(client);
  } finally {
    await client.end();
  }
}

async function prepareSchema(client: pg.Client, schema: string): Promise<void> {
  // Asked first, because CREATE SCHEMA IF NOT EXISTS wants the right to create even where nothing is to be created.
  const found = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (found.rowCount === 0) await client.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
  // Prisma's own table, made before Prisma looks: without it, a schema that holds other people's tables is refused as "not empty".
  await client.query(`CREATE TABLE IF NOT EXISTS "${schema}"._prisma_migrations (
    id VARCHAR(36) PRIMARY KEY, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT,
    rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`);
}

/** The common case at every start, told by Prisma's own table without loading the engine. */
async function isCurrent(client: pg.Client, migrations: MigrationList): Promise<boolean> {
  const applied = await client.query<{ migration_name: string; checksum: string; open: boolean }>(
    'SELECT migration_name, checksum, finished_at IS NULL AS open FROM _prisma_migrations WHERE rolled_back_at IS NULL',
  );
  const checksums = new Map(applied.rows.map((row) => [row.migration_name, row.open ? 'open' : row.checksum]));
  return migrations.migrationDirectories.every(
    ({ path, migrationFile }) => checksums.get(path) === sha256(migrationFile.content.value),
  );
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Interrupted, it is made up for by `usage:rebuild-rollups`. */
async function bookOldRows(databaseUrl: string, progress: (message: string) => void): Promise<void> {
  const db = openDatabase(databaseUrl, { poolSize: 1 });
  try {
    await bookUnbooked(db, (day) => progress(`summed up the usage of ${day.toISOString().slice(0, 10)}`));
  } finally {
    await closeDatabase(db);
  }
}

async function apply(databaseUrl: string, migrations: MigrationList, progress: (message: string) => void): Promise<string[]> {
  const filters = { externalTables: [], externalEnums: [] };
  progress('applying database migrations');
  return withSchemaEngine(databaseUrl, await readSchema(), async (engine) => {
    const history = await engine.diagnoseMigrationHistory({ migrationsList: migrations, optInToShadowDatabase: false, filters });
    if (history.editedMigrationNames.length > 0) {
      throw new Error(
        `applied migrations were edited afterwards: ${history.editedMigrationNames.join(', ')}. Write a new one instead.`,
      );
    }
    // A failed or interrupted script has left nothing behind, being one transaction: it may simply run again.
    for (const migrationName of history.failedMigrationNames) await engine.markMigrationRolledBack({ migrationName });
    const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList: migrations, filters }).catch(rethrowShort);
    for (const name of appliedMigrationNames) progress(`applied ${name}`);
    return appliedMigrationNames;
  });
}

/** The engine's errors are pages of its own call stack; what an operator needs of one is which migration and what PostgreSQL said. */
function rethrowShort(error: unknown): never {
  const text = error instanceof Error ? error.message : String(error);
  const name = /migration_name="([^"]+)"/.exec(text)?.[1];
  const reason = /Error querying the database: (.+)/.exec(text)?.[1];
  if (name === undefined || reason === undefined) throw error;
  throw new Error(`migration ${name} could not be applied and has changed nothing: ${reason}`, { cause: error });
}
