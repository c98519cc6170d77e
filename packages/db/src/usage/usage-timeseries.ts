import { query, type Db } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { FIGURES, requestsWithWaste, toFigures, type FiguresRow, type UsageFigures } from './figures.js';
import { matching, type UsageFilter } from './usage-filter.js';

export type UsageBucket = keyof typeof BUCKET_MS;

/** All are whole in epoch time, because days are UTC's. */
const BUCKET_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

const NOTHING: UsageFigures = toFigures({
  requests: 0,
  cache_hits: 0,
  errors: 0,
  input_tokens: 0,
  output_tokens: 0,
  cost_usd: 0,
  saved_usd: 0,
  wasted_usd: 0,
  unpriced_requests: 0,
  latencies: null,
});

/** @returns how many points {@link usageTimeseries} has, for a bound before the query. */
export function countBuckets({ from, to }: Pick<UsageFilter, 'from' | 'to'>, bucket: UsageBucket): number {
  return Math.ceil((to.getTime() - firstBucket(from, bucket)) / BUCKET_MS[bucket]);
}

/**
 * The figures of each minute, hour or UTC day, oldest first and without gaps: where nothing happened there are zeros. The first and the
 * last point hold only what lies between `from` and `to`.
 */
export async function usageTimeseries(
  db: Db,
  filter: UsageFilter,
  bucket: UsageBucket,
): Promise<({ start: string } & UsageFigures)[]> {
  // Sessions speak UTC, so days begin where UTC's do. The name of the bucket is one of ours.
  const sql = Prisma.sql`
    SELECT date_trunc('${Prisma.raw(bucket)}', created_at) AS start, ${FIGURES}
    FROM ${requestsWithWaste(filter)} WHERE ${matching(filter)} GROUP BY 1`;
  const rows = await query(db, (client) => client.$queryRaw<({ start: Date } & FiguresRow)[]>(sql));
  const known = new Map(rows.map((row) => [row.start.getTime(), toFigures(row)]));
  const first = firstBucket(filter.from, bucket);
  return Array.from({ length: countBuckets(filter, bucket) }, (_, index) => {
    const start = first + index * BUCKET_MS[bucket];
    return { start: new Date(start).toISOString(), ...(known.get(start) ?? NOTHING) };
  });
}

const firstBucket = (from: Date, bucket: UsageBucket): number =>
  Math.floor(from.getTime() / BUCKET_MS[bucket]) * BUCKET_MS[bucket];
