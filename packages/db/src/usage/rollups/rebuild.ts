/** Makes the sums anew from the rows: after rows were changed by hand, or for rows that are older than the sums. */
import { query, transaction, type Db, type Queryable } from '../../connection/database.js';
import { Prisma } from '../../generated/client.js';
import { book, INSERT_ROLLUPS } from './book.js';
import { takeTurns } from './change-booked.js';
import { eachSum } from './facts.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface Rebuilding {
  from: Date;
  /** Not included. */
  to: Date;
  /** Told after each day, which is written as a whole. */
  onDay?: (day: Date) => void;
  /** Aborts between two days; what is done by then stays. */
  signal?: AbortSignal;
}

/** @returns the whole months that a range touches: months are sums of days, so fewer cannot be rebuilt. */
export function wholeMonths({ from, to }: Pick<Rebuilding, 'from' | 'to'>): { from: Date; to: Date } {
  const last = new Date(to.getTime() - 1);
  return {
    from: new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth())),
    to: new Date(Date.UTC(last.getUTCFullYear(), last.getUTCMonth() + 1)),
  };
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
 * Rows that retention has dropped cannot be counted again: do not ask for months before {@link oldestUsage}.
 */
export async function rebuildRollups(db: Db, { from, to, onDay, signal }: Rebuilding): Promise<void> {
  const months = wholeMonths({ from, to });
  for (let month = months.from; month < months.to; month = wholeMonths({ from: month, to: new Date(month.getTime() + 1) }).to) {
    const next = wholeMonths({ from: month, to: new Date(month.getTime() + 1) }).to;
    for (let day = month; day < next; day = new Date(day.getTime() + DAY_MS)) {
      if (signal?.aborted) return;
      const start = day;
      await transaction(db, (tx) => rebuildDay(tx, start));
      onDay?.(start);
    }
    const start = month;
    await transaction(db, (tx) => rebuildMonth(tx, { from: start, to: next }));
  }
}

async function rebuildDay(tx: Queryable, day: Date): Promise<void> {
  await takeTurns(tx, 'alone');
  const end = new Date(day.getTime() + DAY_MS);
  await tx.$executeRaw`DELETE FROM llm_usage_rollups WHERE grain IN ('hour', 'day') AND bucket >= ${day} AND bucket < ${end}`;
  for (const span of await statements(tx, { from: day, to: end })) {
    const where = Prisma.sql`created_at >= ${span.from} AND created_at < ${span.to}`;
    await book(tx, { where, span, sign: 1, grains: ['hour', 'day'] });
  }
}

/** A statement of so many requests takes some seconds. */
const REQUESTS_A_STATEMENT = 50_000;

/** @returns the hours of a day that have requests, put together as far as a statement stays short, however busy the day was. */
async function statements(tx: Queryable, { from, to }: { from: Date; to: Date }): Promise<{ from: Date; to: Date }[]> {
  const hours = await tx.$queryRaw<{ hour: Date; requests: number }[]>`
    SELECT date_trunc('hour', created_at) AS hour, count(*)::float8 AS requests FROM llm_usage_logs
    WHERE created_at >= ${from} AND created_at < ${to} GROUP BY 1 ORDER BY 1`;
  const spans: { from: Date; to: Date; requests: number }[] = [];
  for (const { hour, requests } of hours) {
    const last = spans.at(-1);
    const next = new Date(hour.getTime() + HOUR_MS);
    if (last && last.requests + requests <= REQUESTS_A_STATEMENT)
      Object.assign(last, { to: next, requests: last.requests + requests });
    else spans.push({ from: hour, to: next, requests });
  }
  return spans;
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

const DAY_KEY = Prisma.sql`dimensions, service, customer_id, provider, model`;

/** A month is the sum of its days. */
async function rebuildMonth(tx: Queryable, { from, to }: { from: Date; to: Date }): Promise<void> {
  await takeTurns(tx, 'alone');
  await tx.$executeRaw`DELETE FROM llm_usage_rollups WHERE grain = 'month' AND bucket = ${from}`;
  await tx.$executeRaw`
    ${INSERT_ROLLUPS}
    WITH days AS (SELECT * FROM llm_usage_rollups WHERE grain = 'day' AND bucket >= ${from} AND bucket < ${to}),
    bins AS (
      SELECT ${DAY_KEY}, element & 255 AS bin, sum(element >> 8)::bigint AS count FROM days CROSS JOIN unnest(latency) AS element
      GROUP BY ${DAY_KEY}, element & 255
    ),
    -- Put under one another rather than joined: PostgreSQL knows nothing of these sizes and would join them row by row.
    parts AS (
      SELECT ${DAY_KEY}, ${eachSum((name) => `sum(${name}) AS ${name}`)}, NULL::bigint AS element FROM days GROUP BY ${DAY_KEY}
      UNION ALL
      SELECT ${DAY_KEY}, ${eachSum(() => '0')}, (count << 8) | bin FROM bins WHERE count <> 0
    )
    SELECT dimensions, 'month', ${from}, service, customer_id, provider, model, ${eachSum((name) => `sum(${name})`)},
      array_agg(element) FILTER (WHERE element IS NOT NULL)
    FROM parts GROUP BY ${DAY_KEY}`;
}
