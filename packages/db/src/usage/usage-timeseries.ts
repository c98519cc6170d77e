import { query, type Db } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { ADDED_UP, HISTOGRAM, toFigures, type SumsRow, type UsageFigures } from './figures.js';
import type { PackedHistogram } from './rollups/latency.js';
import { SUMS } from './rollups/facts.js';
import { sumsOf } from './rollups/sums-of.js';
import type { UsageFilter } from './usage-filter.js';

export type UsageBucket = keyof typeof BUCKET_MS;

/** All are whole in epoch time, because days are UTC's. */
const BUCKET_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
const COARSEST = { minute: 'request', hour: 'hour', day: 'day' } as const;

const NOTHING: UsageFigures = toFigures(Object.fromEntries(SUMS.map((name) => [name, 0])) as SumsRow, {
  added: null,
  taken: null,
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
  const sums = sumsOf({ filter, by: [], coarsest: COARSEST[bucket] });
  // Sessions speak UTC, so days begin where UTC's do. The name of the bucket is one of ours.
  const start = Prisma.sql`(extract(epoch FROM date_trunc('${Prisma.raw(bucket)}', created_at)) * 1000)::float8`;
  const rows = await query(
    db,
    (client) => client.$queryRaw<({ key: number } & SumsRow & PackedHistogram)[]>`
      SELECT ${start} AS key, ${ADDED_UP}, ${HISTOGRAM} FROM (${sums}) AS sums GROUP BY 1`,
  );
  const known = new Map(rows.map((row) => [row.key, toFigures(row, row)]));
  const first = firstBucket(filter.from, bucket);
  return Array.from({ length: countBuckets(filter, bucket) }, (_, index) => {
    const at = first + index * BUCKET_MS[bucket];
    return { start: new Date(at).toISOString(), ...(known.get(at) ?? NOTHING) };
  });
}

const firstBucket = (from: Date, bucket: UsageBucket): number =>
  Math.floor(from.getTime() / BUCKET_MS[bucket]) * BUCKET_MS[bucket];
