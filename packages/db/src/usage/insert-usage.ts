/** The money's way into the tables: any number of deliveries of an event, at any time and in any order, come to the same rows. */
import type { UsageAttempt, UsageEvent, UsageLog } from '@llm-gateway/shared';
import { transaction, type Db, type Queryable } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { ATTEMPT_COLUMNS, attemptRow, LOG_COLUMNS, logRow, type ColumnType } from './usage-rows.js';

export interface InsertedUsage {
  /** Requests' rows that were not there. */
  logs: number;
  /** Attempts' rows that were not there, or stood as abandoned and are now closed for real. */
  attempts: number;
}

/**
 * Writes events in one transaction, all or none. Rows that are there stay as they are, but for an `abandoned` attempt, which its real
 * closure replaces. A request's cost follows its attempts when one of them comes in late.
 * @param events up to some thousands; each kind of row is one statement whatever their number.
 * @throws GatewayError `unavailable` when the database is down; an error of which `isDataError` is true when it refuses a row.
 */
export async function insertUsage(db: Db, events: readonly UsageEvent[]): Promise<InsertedUsage> {
  const logs = distinctLogs(events);
  const attempts = distinctAttempts(events);
  if (logs.length + attempts.length === 0) return { logs: 0, attempts: 0 };
  const hasLate = events.some((event) => event.log === null && event.attempts.length > 0);
  return transaction(db, async (tx) => {
    await takeTurns(tx, hasLate);
    const newLogs = await insertLogs(tx, logs);
    const changed = await insertAttempts(tx, attempts);
    await recost(tx, [...new Set([...newLogs, ...changed])]);
    return { logs: newLogs.length, attempts: changed.length };
  });
}

/**
 * A late attempt and its request's row, written at the same moment by two writers, would not see each other and the cost would miss one.
 * So a batch with late attempts, which is rare, and a re-pricing run alone; all others run side by side.
 */
export async function takeTurns(tx: Queryable, alone: boolean): Promise<void> {
  if (alone) await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('llm_usage'), hashtext(current_schema()))`;
  else await tx.$executeRaw`SELECT pg_advisory_xact_lock_shared(hashtext('llm_usage'), hashtext(current_schema()))`;
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

/**
 * Sets the cost of requests to the sum of their attempts, null where one has no price. A request of which some attempts are still on
 * their way keeps the cost that it came with.
 */
export async function recost(tx: Queryable, requestIds: string[]): Promise<void> {
  if (requestIds.length === 0) return;
  await tx.$executeRaw`
    UPDATE llm_usage_logs AS log
    SET cost_usd = total.cost_usd, attempt_count = total.attempts, unpriced_reason = total.unpriced_reason
    FROM (
      SELECT request_id, count(*)::integer AS attempts,
        CASE WHEN count(cost_usd) = count(*) THEN sum(cost_usd) END AS cost_usd,
        (array_agg(unpriced_reason ORDER BY number) FILTER (WHERE cost_usd IS NULL))[1] AS unpriced_reason
      FROM llm_usage_attempts WHERE request_id = ANY (${requestIds}) GROUP BY request_id
    ) AS total
    WHERE log.id = total.request_id AND log.attempt_count <= total.attempts
      AND (log.cost_usd, log.attempt_count, log.unpriced_reason) IS DISTINCT FROM (total.cost_usd, total.attempts, total.unpriced_reason)`;
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
