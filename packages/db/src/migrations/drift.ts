import { randomUUID } from 'node:crypto';
import type { DiffTarget } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { databaseTarget } from '../connection/database-url.js';
import { readMigrations, readSchema } from './migration-files.js';
import { withSchemaEngine } from './schema-engine.js';

/**
 * Compares the migrations with schema.prisma, in a scratch schema of the given database that is removed again.
 * @returns the SQL that the migrations lack; empty where there is no drift. CHECK constraints and NULLS NOT DISTINCT, which Prisma does
 * not know, are not compared.
 */
export async function findDrift(databaseUrl: string, schemaText?: string): Promise<string> {
  const schema = await readSchema();
  const wanted = schemaText === undefined ? schema : { files: schema.files.map(({ path }) => ({ path, content: schemaText })) };
  const from: DiffTarget = { tag: 'migrations', ...(await readMigrations()) };
  const filters = { externalTables: [], externalEnums: [] };
  const sql = await inScratchSchema(databaseUrl, (scratchUrl) =>
    withSchemaEngine(scratchUrl, wanted, async (engine) => {
      const to: DiffTarget = { tag: 'schemaDatamodel', ...wanted };
      return (await engine.diff({ from, to, script: true, exitCode: null, filters })).stdout ?? '';
    }),
  );
  // The schema itself is made by `migrate`, by the name in the URL.
  const changes = sql.replace(/-- CreateSchema\nCREATE SCHEMA [^;]*;/, '').trim();
  return /^-- This is an empty migration\.?$/.test(changes) ? '' : changes;
}

/** A schema rather than Prisma's shadow database: it needs no right to create databases, and is gone whatever happens. */
async function inScratchSchema<T>(databaseUrl: string, work: (scratchUrl: string) => Promise<T>): Promise<T> {
  const scratch = `llm_scratch_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(databaseUrl);
  url.searchParams.set('schema', scratch);
  const client = new pg.Client({
    connectionString: databaseTarget(databaseUrl).connectionString,
    connectionTimeoutMillis: 5_000,
  });
  await client.connect();
  try {
    await client.query(`CREATE SCHEMA "${scratch}"`);
    return await work(url.toString());
  } finally {
    await client.query(`DROP SCHEMA IF EXISTS "${scratch}", "${scratch}_partitions" CASCADE`).finally(() => client.end());
  }
}
