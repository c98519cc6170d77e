/** The monthly partitions of the two big tables. The functions behind these stand in the migration that made the tables partitioned. */
import { query, type Db, type Queryable } from '../../connection/database.js';
import { sqlState } from '../../connection/errors.js';

const DAY_MS = 86_400_000;
/** Made ahead: rows of the next two months find their partition even if no process looks for all that time. */
const AHEAD_MS = 62 * DAY_MS;

export interface TimeSpan {
  from: Date;
  to: Date;
}

/** Makes the partitions of all months that a span touches, where they are missing. @returns how many it has made. */
export async function ensurePartitions(db: Db, { from, to }: TimeSpan): Promise<number> {
  const rows = await query(
    db,
    (client) => client.$queryRaw<{ made: number }[]>`SELECT llm_ensure_usage_partitions(${from}, ${to}) AS made`,
  );
  return rows[0]?.made ?? 0;
}

/** Makes the partitions that rows of now and of the coming weeks will need. */
export const ensureComingPartitions = (db: Db, now = Date.now()): Promise<number> =>
  ensurePartitions(db, { from: new Date(now - DAY_MS), to: new Date(now + AHEAD_MS) });

/**
 * Drops the months of which every row is older than that; rollups stay, so figures do too.
 * @returns the names of what it has dropped. @throws where a long query holds a month for over two seconds: try again later.
 */
export async function dropPartitionsBefore(db: Db, before: Date): Promise<string[]> {
  const rows = await query(
    db,
    (client) => client.$queryRaw<{ name: string }[]>`SELECT llm_drop_usage_partitions(${before}) AS name`,
  );
  return rows.map((row) => row.name);
}

/** Outside of this nothing of ours has happened: such a time is a bad row, not a missing month. */
const isPlausible = (at: number, now: number): boolean => at > Date.UTC(2020, 0, 1) && at < now + 366 * DAY_MS;

/**
 * @returns the months from one time up to another that were summed up and have no rows any more, as `2026-11`. What their sums
 * say cannot be found again, and a row that came for one of them may be in its sums already.
 */
export async function droppedMonths(client: Queryable, { from, to }: TimeSpan): Promise<string[]> {
  const rows = await client.$queryRaw<{ month: string }[]>`
    SELECT to_char(bucket, 'YYYY-MM') AS month FROM llm_usage_rollups
    WHERE dimensions = 0 AND grain = 'month' AND bucket >= date_trunc('month', ${from}::timestamptz) AND bucket < ${to}
      AND to_regclass(format('%I.%I', left(current_schema(), 52) || '_partitions', 'llm_usage_logs_' || to_char(bucket, 'YYYY_MM'))) IS NULL
    ORDER BY 1`;
  return rows.map((row) => row.month);
}

/**
 * Runs a write; where PostgreSQL says that a row's month has no partition, makes it and runs the write again, once. A month that was
 * dropped is not made again: which of its rows were counted is known to nobody, and a late copy of one must not count twice.
 * @param times epoch ms of the rows.
 */
export async function withPartitions<T>(db: Db, times: readonly number[], write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const now = Date.now();
    if (!isPartitionMissing(error) || !times.every((at) => isPlausible(at, now))) throw error;
    for (const month of new Set(times.map((at) => new Date(at).toISOString().slice(0, 7)))) {
      const at = new Date(`${month}-01T00:00:00Z`);
      const dropped = await query(db, (client) => droppedMonths(client, { from: at, to: new Date(at.getTime() + DAY_MS) }));
      if (dropped.length > 0)
        throw new Error(`the usage rows of ${month} have been dropped, and no more are taken`, { cause: error });
      await ensurePartitions(db, { from: at, to: at });
    }
    return write();
  }
}

/** PostgreSQL gives it the state of a broken CHECK; only the text tells it apart. */
const isPartitionMissing = (error: unknown): boolean =>
  sqlState(error) === '23514' && error instanceof Error && /no partition of relation/.test(deepText(error));

const deepText = (error: unknown): string =>
  error instanceof Error ? `${error.message} ${JSON.stringify(error)} ${deepText(error.cause)}` : '';
