import { query, type Db } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { ADDED_UP, HAVING_ANY, HISTOGRAM, toFigures, type SumsRow, type UsageFigures } from './figures.js';
import type { Dimension } from './rollups/cubes.js';
import type { PackedHistogram } from './rollups/latency.js';
import { latenciesOf, sumsOf } from './rollups/sums-of.js';
import type { UsageFilter } from './usage-filter.js';

export type UsageDimension = Dimension;
export type UsageSort = 'requests' | 'cost_usd' | 'errors' | 'key';

const COLUMNS = { provider: 'provider', service: 'service', customer: 'customer_id', model: 'model' } satisfies Record<
  UsageDimension,
  string
>;
const ORDERS = {
  requests: 'requests DESC',
  cost_usd: 'cost_nano_usd DESC',
  errors: 'errors DESC',
  key: "nullif(key, '') NULLS LAST",
} satisfies Record<UsageSort, string>;

/** All matching requests in one set of figures. */
export async function usageSummary(db: Db, filter: UsageFilter): Promise<UsageFigures> {
  const [row] = await query(
    db,
    (client) => client.$queryRaw<(SumsRow & PackedHistogram)[]>`
      SELECT ${ADDED_UP}, ${HISTOGRAM} FROM (${sumsOf({ filter, by: [] })}) AS sums`,
  );
  if (!row) throw new Error('an aggregate without GROUP BY has exactly one row');
  return toFigures(row, row);
}

export interface UsageByOptions {
  sort: UsageSort;
  limit: number;
}

/** The figures of each provider, service, customer or model; `key` is null for requests that had none. */
export async function usageBy(
  db: Db,
  dimension: UsageDimension,
  filter: UsageFilter,
  { sort, limit }: UsageByOptions,
): Promise<({ key: string | null } & UsageFigures)[]> {
  // The raw parts come from the two tables above, never from a caller.
  const lines: Lines = {
    column: Prisma.raw(COLUMNS[dimension]),
    order: Prisma.raw(ORDERS[sort]),
    sums: sumsOf({ filter, by: [dimension] }),
    latencies: latenciesOf({ filter, by: [dimension] }),
    limit,
  };
  const rows = await (dimension === 'customer' ? manyLines(db, lines) : fewLines(db, lines));
  return rows.map(({ key, added, taken, ...row }) => ({ key: key === '' ? null : key, ...toFigures(row, { added, taken }) }));
}

interface Lines {
  column: Prisma.Sql;
  order: Prisma.Sql;
  sums: Prisma.Sql;
  latencies: Prisma.Sql;
  limit: number;
}

type Line = { key: string } & SumsRow & PackedHistogram;

function fewLines(db: Db, { column, order, sums, limit }: Lines): Promise<Line[]> {
  return query(
    db,
    (client) => client.$queryRaw<Line[]>`
      SELECT * FROM (SELECT ${column} AS key, ${ADDED_UP}, ${HISTOGRAM} FROM (${sums}) AS sums GROUP BY 1 ${HAVING_ANY}) AS lines
      ORDER BY ${order}, nullif(key, '') NULLS LAST LIMIT ${limit}`,
  );
}

/** Histograms only of the lines that are shown: of thousands of customers that would be most of the work. */
async function manyLines(db: Db, { column, order, sums, latencies, limit }: Lines): Promise<Line[]> {
  const rows = await query(
    db,
    (client) => client.$queryRaw<Omit<Line, keyof PackedHistogram>[]>`
      SELECT * FROM (SELECT ${column} AS key, ${ADDED_UP} FROM (${sums}) AS sums GROUP BY 1 ${HAVING_ANY}) AS lines
      ORDER BY ${order}, nullif(key, '') NULLS LAST LIMIT ${limit}`,
  );
  const histograms = await query(
    db,
    (client) => client.$queryRaw<({ key: string } & PackedHistogram)[]>`
      SELECT ${column} AS key, ${HISTOGRAM} FROM (${latencies}) AS latencies WHERE ${column} = ANY (${rows.map((row) => row.key)}) GROUP BY 1`,
  );
  const known = new Map(histograms.map((histogram) => [histogram.key, histogram]));
  return rows.map((row) => ({ added: null, taken: null, ...known.get(row.key), ...row }));
}
