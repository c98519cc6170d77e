/** Makes the sums anew from the rows: after rows were changed by hand, or for rows that are older than the sums. */
import { query, transaction, type Db, type Queryable } from '../../connection/database.js';
import { Prisma } from '../../generated/client.js';
import { droppedMonths } from '../partitions/partitions.js';
import { book, INSERT_ROLLUPS, KEY } from './book.js';
import { takeTurns } from './change-booked.js';
import { bucketOf, COARSE_GRAINS, cubesOf, FINE_GRAINS } from './cubes.js';
import { eachSum, SUMS } from './facts.js';
import { busyHours, daysOf, monthsOf, type Span } from './spans.js';

export interface Rebuilding extends Span {
  /** Told after each day, which is written as a whole. */
  onDay?: (day: Date) => void;
  /** Aborts between two days; what is done by then stays, and the sums of the month and its pentads are as they were. */
  signal?: AbortSignal;
}

/** @returns when the oldest request that still has a row arrived; null where there is none. */
export async function oldestUsage(db: Db): Promise<Date | null> {
  const rows = await query(
    db,
    (client) => client.$queryRaw<{ oldest: Date | null }[]>`SELECT min(created_at) AS oldest FROM llm_usage_logs`,
  );
  return rows[0]?.oldest ?? null;
}

/**
 * Rebuilds the sums of whole months, a day in each transaction; writers wait while one is rebuilt. Running it twice changes nothing.
 * @throws Error where the range holds a month that retention has dropped: its rows cannot be counted again, and its sums stay.
 */
export async function rebuildRollups(db: Db, { from, to, onDay, signal }: Rebuilding): Promise<void> {
  for (const month of monthsOf({ from, to })) {
    for (const day of daysOf(month)) {
      if (signal?.aborted) return;
      await transaction(db, (tx) => rebuildDay(tx, day));
      onDay?.(day.from);
    }
    await transaction(db, (tx) => rebuildMonth(tx, month));
  }
}

async function rebuildDay(tx: Queryable, { from, to }: Span): Promise<void> {
  await takeTurns(tx, 'alone');
  await demandRows(tx, { from, to });
  await tx.$executeRaw`DELETE FROM llm_usage_rollups WHERE grain = ANY (${[...FINE_GRAINS]}) AND bucket >= ${from} AND bucket < ${to}`;
  for (const span of await busyHours(tx, { from, to })) {
    const where = Prisma.sql`created_at >= ${span.from} AND created_at < ${span.to}`;
    await book(tx, { where, span, sign: 1, grains: FINE_GRAINS });
  }
}

/** Also keeps the rows there until the transaction ends: retention waits for it, or comes again later. */
async function demandRows(tx: Queryable, span: Span): Promise<void> {
  await tx.$executeRaw`LOCK TABLE ONLY llm_usage_logs IN ACCESS SHARE MODE`;
  const [month] = await droppedMonths(tx, span);
  if (month !== undefined)
    throw new Error(`the usage rows of ${month} have been dropped: its sums are all that is left, and stay`);
}

/** Sums of rows that are older than the sums, which a migration has just brought: then there are rows and not one sum. */
export async function bookUnbooked(db: Db, onDay?: (day: Date) => void): Promise<void> {
  const rows = await query(
    db,
    (client) => client.$queryRaw<{ unbooked: boolean }[]>`
      SELECT NOT EXISTS (SELECT FROM llm_usage_rollups) AND EXISTS (SELECT FROM llm_usage_logs) AS unbooked`,
  );
  const from = rows[0]?.unbooked ? await oldestUsage(db) : null;
  if (from) await rebuildRollups(db, { from, to: new Date(), ...(onDay && { onDay }) });
}

const KEPT = COARSE_GRAINS.flatMap((grain) => cubesOf(grain).map((dimensions) => `(${dimensions}, '${grain}')`)).join(', ');

/** A month is the sum of its days, and so are its pentads. */
async function rebuildMonth(tx: Queryable, { from, to }: Span): Promise<void> {
  await takeTurns(tx, 'alone');
  await tx.$executeRaw`DELETE FROM llm_usage_rollups WHERE grain = ANY (${[...COARSE_GRAINS]}) AND bucket >= ${from} AND bucket < ${to}`;
  await tx.$executeRaw`
    ${INSERT_ROLLUPS}
    WITH kept AS (SELECT dimensions::smallint, grain FROM (VALUES ${Prisma.raw(KEPT)}) AS cube (dimensions, grain)),
    days AS (
      SELECT day.dimensions, kept.grain, ${Prisma.raw(bucketOf('kept.grain', 'day.bucket'))} AS bucket, service, customer_id, provider, model,
        ${Prisma.raw(SUMS.join(', '))}, latency
      FROM llm_usage_rollups AS day JOIN kept USING (dimensions)
      WHERE day.grain = 'day' AND day.bucket >= ${from} AND day.bucket < ${to}
    ),
    bins AS (
      SELECT ${KEY}, element & 255 AS bin, sum(element >> 8)::bigint AS count FROM days CROSS JOIN unnest(latency) AS element
      GROUP BY ${KEY}, element & 255
    ),
    -- Put under one another rather than joined: PostgreSQL knows nothing of these sizes and would join them row by row.
    parts AS (
      SELECT ${KEY}, ${eachSum((name) => `sum(${name}) AS ${name}`)}, NULL::bigint AS element FROM days GROUP BY ${KEY}
      UNION ALL
      SELECT ${KEY}, ${eachSum(() => '0')}, (count << 8) | bin FROM bins WHERE count <> 0
    )
    SELECT ${KEY}, ${eachSum((name) => `sum(${name})`)},
      array_agg(element) FILTER (WHERE element IS NOT NULL)
    FROM parts GROUP BY ${KEY}`;
}
