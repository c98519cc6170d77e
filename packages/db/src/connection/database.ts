import { PrismaPg } from '@prisma/adapter-pg';
import { GatewayError } from '@llm-gateway/shared';
import { type Prisma, PrismaClient } from '../generated/client.js';
import { databaseTarget } from './database-url.js';
import { domainError } from './errors.js';

declare const opaque: unique symbol;
/** An open database. Only this package can look inside. */
export interface Db {
  readonly [opaque]: 'Db';
}

export interface DatabaseOptions {
  /** Connections of this process at most, default 10. */
  poolSize?: number;
  /** Longest wait for a connection, default 3,000 ms. */
  connectTimeoutMs?: number;
  /** Longest single statement, default 15,000 ms. */
  statementTimeoutMs?: number;
  /** Told when an idle connection dies, which is no reason to stop: the next query opens another. */
  onConnectionLost?: (error: Error) => void;
}

interface Handle {
  client: PrismaClient;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
}

// Beside the object, so that neither types nor a debugger's dump of a Db lead callers to Prisma or the password.
const handles = new WeakMap<Db, Handle>();

/** Opens nothing yet: the first query connects. The schema is the URL's `?schema=`, default `public`. @throws Error on a malformed URL. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Db {
  const { connectTimeoutMs = 3_000, statementTimeoutMs = 15_000, poolSize = 10 } = options;
  const target = databaseTarget(url);
  const lost = options.onConnectionLost ?? (() => undefined);
  const pool = {
    connectionString: target.connectionString,
    options: target.options,
    max: poolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    // For a server that hangs and so cannot keep its own statement_timeout.
    query_timeout: statementTimeoutMs + 1_000,
    keepAlive: true,
    application_name: 'llm-gateway',
  };
  const adapter = new PrismaPg(pool, { schema: target.schema, onPoolError: lost, onConnectionError: lost });
  const db = Object.freeze({}) as Db;
  handles.set(db, { client: new PrismaClient({ adapter, errorFormat: 'minimal' }), connectTimeoutMs, statementTimeoutMs });
  return db;
}

/** Closes every connection. Queries after it fail with `unavailable`. */
export async function closeDatabase(db: Db): Promise<void> {
  const { client } = handleOf(db);
  handles.delete(db);
  await client.$disconnect();
}

/** @throws GatewayError `unavailable` when no answer comes within the connect and statement timeouts. */
export async function pingDatabase(db: Db): Promise<void> {
  await query(db, (client) => client.$queryRaw`SELECT 1`);
}

export type Queryable = Prisma.TransactionClient;

/** The only way to PostgreSQL: runs one query, and turns an outage into `unavailable`. */
export async function query<T>(db: Db, run: (client: PrismaClient) => Promise<T>): Promise<T> {
  try {
    return await run(handleOf(db).client);
  } catch (error) {
    throw domainError(error);
  }
}

/** Runs several queries as one transaction (READ COMMITTED unless told); any error rolls all of it back. */
export async function transaction<T>(
  db: Db,
  run: (tx: Queryable) => Promise<T>,
  isolationLevel?: Prisma.TransactionIsolationLevel,
): Promise<T> {
  const { connectTimeoutMs, statementTimeoutMs } = handleOf(db);
  // The statements' own timeout ends a transaction that hangs; Prisma's must not end one that is merely big.
  const options = { maxWait: connectTimeoutMs, timeout: 4 * statementTimeoutMs, ...(isolationLevel ? { isolationLevel } : {}) };
  return query(db, (client) => client.$transaction(run, options));
}

function handleOf(db: Db): Handle {
  const handle = handles.get(db);
  if (!handle) throw new GatewayError('unavailable', 'the database has been closed');
  return handle;
}
