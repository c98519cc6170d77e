import { PrismaPg } from '@prisma/adapter-pg';
import { GatewayError } from '@llm-gateway/shared';
import { type Prisma, PrismaClient } from '../generated/client.js';
import { databaseTarget } from './database-url.js';
import { domainError } from './errors.js';
import { readCompilerFromFile } from './query-compiler.js';

declare const opaque: unique symbol;
/** An open database. Only this package can look inside. */
export interface Db {
  readonly [opaque]: 'Db';
}

/** Who acts, for the audit log. */
export interface Actor {
  /** The caller's key, or `system` for the gateway itself and its operator's commands. */
  keyId: string;
  /** The HTTP request, where there is one. */
  requestId: string | null;
  /** Where it came from: the address at the other end of the socket. */
  address: string | null;
}

declare const acting: unique symbol;
/** A database in somebody's hands: what an administrator may change is changed through one of these only, so that who did it is known. */
export interface ActingDb extends Db {
  readonly [acting]: 'ActingDb';
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
  /** What was opened: this itself, or what it was handed on from. */
  base: Db;
  /** null: nobody in particular, who may read and record usage. */
  actor: Actor | null;
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
  const client = new PrismaClient({ adapter, errorFormat: 'minimal' });
  readCompilerFromFile(client);
  handles.set(db, { client, base: db, actor: null, connectTimeoutMs, statementTimeoutMs });
  return db;
}

/** @returns the same database, same connections, in this actor's hands. Nothing to close. */
export function actingAs(db: Db, actor: Actor): ActingDb {
  const inHand = Object.freeze({}) as ActingDb;
  handles.set(inHand, { ...handleOf(db), actor });
  return inHand;
}

/** What the gateway does itself, and its operator on the command line. */
export const actingAsSystem = (db: Db): ActingDb => actingAs(db, { keyId: 'system', requestId: null, address: null });

/** @returns who holds this database. */
export function actorOf(db: ActingDb): Actor {
  const { actor } = handleOf(db);
  if (!actor) throw new Error("this database is in nobody's hands: see actingAs");
  return actor;
}

/** Closes every connection. Queries after it fail with `unavailable`. */
export async function closeDatabase(db: Db): Promise<void> {
  const { client, base } = handleOf(db);
  // With it go all that it was handed on as: they look here.
  handles.delete(base);
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

/**
 * Several reads as of one moment, whatever is written meanwhile: figures of one answer must come to each other. They share a connection, so
 * one after the other.
 * @param read gets the database as it stood then, good until it returns.
 */
export async function atOneMoment<T>(db: Db, read: (moment: Db) => Promise<T>): Promise<T> {
  const reading = async (tx: Queryable): Promise<T> => {
    const moment = Object.freeze({}) as Db;
    // All that reading needs of a client, a transaction has.
    handles.set(moment, { ...handleOf(db), client: tx as PrismaClient });
    return read(moment);
  };
  return transaction(db, reading, 'RepeatableRead');
}

function handleOf(db: Db): Handle {
  const handle = handles.get(db);
  if (!handle || !handles.has(handle.base)) throw new GatewayError('unavailable', 'the database has been closed');
  return handle;
}
