/** The schema engine's way to PostgreSQL: Prisma's driver adapter, with the three things mended that migrations need of it. */
import { PrismaPg } from '@prisma/adapter-pg';
import {
  ColumnTypeEnum,
  DriverAdapterError,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import pg from 'pg';
import type { DatabaseTarget } from '../connection/database-url.js';

export interface MigrationAdapter {
  factory: SqlMigrationAwareDriverAdapterFactory;
  close(): Promise<void>;
}

/** Opens nothing yet. Migrations may take long, so statements have no time limit. */
export function migrationAdapter({ connectionString, options, schema }: DatabaseTarget): MigrationAdapter {
  const pool = new pg.Pool({
    connectionString,
    options,
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 5_000,
    application_name: 'llm-gateway-migrate',
  });
  // A connection that dies while idle must not end the process; the next query reports it.
  pool.on('error', () => undefined);
  const { provider, adapterName } = new PrismaPg(pool);
  const charColumns = hideCharColumns(pool);
  const open = () => connect(pool, schema, charColumns);
  // Prisma compares migrations in a database that it creates. Here that is the connection's own schema, which `findDrift` makes and removes.
  return { factory: { provider, adapterName, connect: open, connectToShadowDb: open }, close: () => pool.end() };
}

async function connect(pool: pg.Pool, schema: string, charColumns: WeakMap<object, number[]>): Promise<SqlDriverAdapter> {
  const adapter: SqlDriverAdapter = await new PrismaPg(pool, { schema }).connect();
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const column of charColumns.get(result.rows) ?? []) result.columnTypes[column] = ColumnTypeEnum.Character;
    return result;
  };
  // The adapter splits a script at every semicolon, also inside comments and functions, and runs the pieces one by one, so that a killed
  // process leaves half a migration. PostgreSQL itself takes a whole script in one message, as one transaction.
  adapter.executeScript = async (script) => {
    await pool.query(script).catch((error: unknown) => {
      throw error instanceof pg.DatabaseError ? reported(error) : error;
    });
  };
  return adapter;
}

/**
 * The engine asks the catalog for constraints, whose kind is of PostgreSQL's one-byte type "char"; adapter 7.10 refuses that as unknown.
 * It is shown text instead, and the places where the engine wants a character are remembered by the result's rows.
 */
function hideCharColumns(pool: pg.Pool): WeakMap<object, number[]> {
  const { CHAR, TEXT } = pg.types.builtins;
  const found = new WeakMap<object, number[]>();
  const run = pool.query.bind(pool) as (query: unknown, values?: unknown) => Promise<pg.QueryResult>;
  const hidden = async (query: unknown, values?: unknown) => {
    const result = await run(query, values);
    // A script of several statements has several results, and nobody reads their columns.
    const { fields = [] } = result as Partial<pg.QueryResult>;
    const columns = fields.flatMap((field, index) => (field.dataTypeID === (CHAR as number) ? [index] : []));
    for (const column of columns) Object.assign(fields[column] ?? {}, { dataTypeID: TEXT });
    if (columns.length > 0) found.set(result.rows, columns);
    return result;
  };
  pool.query = hidden as typeof pool.query;
  return found;
}

function reported(error: pg.DatabaseError): DriverAdapterError {
  const { code = 'XX000', severity = 'ERROR', message, detail, column, hint } = error;
  return new DriverAdapterError({ kind: 'postgres', code, severity, message, detail, column, hint });
}
