/** The money's way into the tables: any number of deliveries of an event, at any time and in any order, come to the same rows and sums. */
import type { UsageAttempt, UsageEvent, UsageLog } from '@llm-gateway/shared';
import { transaction, type Db, type Queryable } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { withPartitions } from './partitions/partitions.js';
import { changeBooked, requestsOf, takeBooking, takeTurns } from './rollups/change-booked.js';
import { book } from './rollups/book.js';
import { costsOf, type SpentRequest } from './costs-of.js';
import { recost } from './recost.js';
import { asTheirIdsSay } from './row-times.js';
import { ATTEMPT_COLUMNS, attemptRow, LOG_COLUMNS, logRow, type ColumnType } from './usage-rows.js';

export interface InsertedUsage {
  /** Requests' rows that were not there. */
  logs: number;
  /** Attempts' rows that were not there, or stood as abandoned and are now closed for real. */
  attempts: number;
  /** What the requests cost now whose rows were not there, or whose attempts have changed. */
  spent: SpentRequest[];
}

interface Batch {
  logs: UsageLog[];
  attempts: UsageAttempt[];
}

/**
 * Writes events in one transaction with the sums that they change, all or none. Rows that are there stay as they are, but for an
 * `abandoned` attempt, which its real closure replaces. A request's cost follows its attempts when one of them comes in late. When a row was
 * made is read from its id, whatever the event says.
 * @param told up to some thousands; each kind of row is one statement whatever their number.
 * @throws GatewayError `unavailable` when the database is down; an error of which `isDataError` is true when it refuses a row.
 */
export async function insertUsage(db: Db, told: readonly UsageEvent[]): Promise<InsertedUsage> {
  const events = asTheirIdsSay(told);
  const batch: Batch = { logs: distinctLogs(events), attempts: distinctAttempts(events) };
  if (batch.logs.length + batch.attempts.length === 0) return { logs: 0, attempts: 0, spent: [] };
  const times = [...batch.logs, ...batch.attempts].map((row) => row.createdAt);
  const hasLate = events.some((event) => event.log === null && event.attempts.length > 0);
  return withPartitions(db, times, async () => {
    if (!hasLate) {
      const inserted = await transaction(db, (tx) => insertNew(tx, batch)).catch(unlessLate);
      if (inserted) return inserted;
    }
    return transaction(db, (tx) => insertLate(tx, batch));
  });
}

/** Thrown to undo a transaction in which an attempt turned out to belong to a request that was there before. */
class FoundLate extends Error {
  override readonly name = 'FoundLate';
}

function unlessLate(error: unknown): null {
  if (error instanceof FoundLate) return null;
  throw error;
}

/** The usual batch: every attempt comes with its request. Any number of writers do this side by side, up to the booking. */
async function insertNew(tx: Queryable, batch: Batch): Promise<InsertedUsage> {
  await takeTurns(tx, 'together');
  const newLogs = new Set(await insertLogs(tx, batch.logs));
  const changed = await insertAttempts(tx, batch.attempts);
  if (changed.some((requestId) => !newLogs.has(requestId))) throw new FoundLate();
  const requests = requestsOf([...newLogs], spanOf(batch));
  if (newLogs.size === 0) return { logs: 0, attempts: 0, spent: [] };
  await recost(tx, requests);
  const spent = await costsOf(tx, requests);
  await takeBooking(tx);
  await book(tx, { ...requests, sign: 1 });
  return { logs: newLogs.size, attempts: changed.length, spent };
}

/** Attempts of requests that may be there, and booked, already. Rare; nobody else writes meanwhile. */
async function insertLate(tx: Queryable, batch: Batch): Promise<InsertedUsage> {
  await takeTurns(tx, 'alone');
  const ids = [...batch.logs.map((log) => log.id), ...batch.attempts.map((attempt) => attempt.requestId)];
  return changeBooked(tx, requestsOf([...new Set(ids)], spanOf(batch)), async (requests) => {
    const newLogs = await insertLogs(tx, batch.logs);
    const changed = await insertAttempts(tx, batch.attempts);
    await recost(tx, requests);
    const touched = new Set([...newLogs, ...changed]);
    const spent = (await costsOf(tx, requests)).filter(({ requestId }) => touched.has(requestId));
    return { logs: newLogs.length, attempts: changed.length, spent };
  });
}

function spanOf({ logs, attempts }: Batch): { from: Date; to: Date } {
  const times = [...logs, ...attempts].map((row) => row.createdAt);
  return { from: new Date(Math.min(...times)), to: new Date(Math.max(...times)) };
}

async function insertLogs(tx: Queryable, logs: UsageLog[]): Promise<string[]> {
  if (logs.length === 0) return [];
  const inserted = await tx.$queryRaw<{ id: string }[]>`
    INSERT INTO llm_usage_logs (${names(LOG_COLUMNS)}) ${recordset(LOG_COLUMNS, logs.map(logRow))}
    ON CONFLICT (id, created_at) DO NOTHING
    RETURNING id`;
  return inserted.map((row) => row.id);
}

/** @returns the request of every attempt that was inserted or replaced, once for each. */
async function insertAttempts(tx: Queryable, attempts: UsageAttempt[]): Promise<string[]> {
  if (attempts.length === 0) return [];
  const changed = await tx.$queryRaw<{ request_id: string }[]>`
    INSERT INTO llm_usage_attempts AS stored (${names(ATTEMPT_COLUMNS)}) ${recordset(ATTEMPT_COLUMNS, attempts.map(attemptRow))}
    ON CONFLICT (id, created_at) DO UPDATE SET (${names(ATTEMPT_COLUMNS)}) = (${names(ATTEMPT_COLUMNS, 'excluded.')})
    WHERE stored.status = 'abandoned' AND excluded.status <> 'abandoned'
    RETURNING request_id`;
  return changed.map((row) => row.request_id);
}

type Columns = Record<string, ColumnType>;

/** Column names are ours and constant; only values come from events, and those are bound. */
const names = (columns: Columns, prefix = ''): Prisma.Sql =>
  Prisma.raw(
    Object.keys(columns)
      .map((name) => prefix + name)
      .join(', '),
  );

const RECORD_TYPES: Partial<Record<ColumnType, string>> = { epoch_ms: 'double precision', nano_usd: 'numeric' };

/** A SELECT over all rows, bound as one JSON text: the statement is the same for one row and for a thousand. */
function recordset(columns: Columns, rows: unknown[]): Prisma.Sql {
  const values = Object.entries(columns).map(([name, type]) => {
    if (type === 'epoch_ms') return `to_timestamp(${name} / 1000)`;
    return type === 'nano_usd' ? `${name} * 0.000000001` : name;
  });
  const types = Object.entries(columns).map(([name, type]) => `${name} ${RECORD_TYPES[type] ?? type}`);
  return Prisma.sql`SELECT ${Prisma.raw(values.join(', '))} FROM json_to_recordset(${JSON.stringify(rows)}::json) AS given (${Prisma.raw(types.join(', '))})`;
}

/** In the order of their ids, because two writers that take the same rows in different orders would wait for each other for ever. */
function distinctLogs(events: readonly UsageEvent[]): UsageLog[] {
  const byId = new Map<string, UsageLog>();
  for (const { log } of events) if (log && !byId.has(log.id)) byId.set(log.id, log);
  return [...byId.values()].sort(byIdOrder);
}

/** One of each, the real closure before an abandoned one: a statement must not meet a row twice. */
function distinctAttempts(events: readonly UsageEvent[]): UsageAttempt[] {
  const byId = new Map<string, UsageAttempt>();
  for (const attempt of events.flatMap((event) => event.attempts)) {
    const known = byId.get(attempt.id);
    if (!known || (known.status === 'abandoned' && attempt.status !== 'abandoned')) byId.set(attempt.id, attempt);
  }
  return [...byId.values()].sort(byIdOrder);
}

const byIdOrder = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
