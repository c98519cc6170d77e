import { query, type Db } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import {
  ADDED_UP,
  HAVING_ANY,
  histograms,
  histogramsBy,
  toFigures,
  type PackedHistogram,
  type SumsRow,
  type UsageFigures,
} from './figures.js';
import type { Dimension } from './rollups/cubes.js';
import type { Bin } from './rollups/latency.js';
import { sumsOf } from './rollups/sums-of.js';
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
  const sums = sumsOf({ filter, by: [] });
  const [rows, packed] = await query(db, (client) =>
    Promise.all([
      client.$queryRaw<SumsRow[]>(Prisma.sql`SELECT ${ADDED_UP} FROM (${sums}) AS sums`),
      client.$queryRaw<PackedHistogram<number>[]>(histogramsBy(Prisma.sql`0`, sums)),
    ]),
  );
  const [row] = rows;
  if (!row) throw new Error('an aggregate without GROUP BY has exactly one row');
  return toFigures(row, histograms(packed).get(0) ?? []);
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
  const sums = sumsOf({ filter, by: [dimension] });
  // The raw parts come from the two tables above, never from a caller.
  const column = Prisma.raw(COLUMNS[dimension]);
  const rows = await query(
    db,
    (client) =>
      client.$queryRaw<({ key: string } & SumsRow)[]>`
      SELECT * FROM (SELECT ${column} AS key, ${ADDED_UP} FROM (${sums}) AS sums GROUP BY 1 ${HAVING_ANY}) AS lines
      ORDER BY ${Prisma.raw(ORDERS[sort])}, nullif(key, '') NULLS LAST LIMIT ${limit}`,
  );
  const bins = await binsOf(db, { column, keys: rows.map((row) => row.key), sums });
  return rows.map(({ key, ...row }) => ({ key: key === '' ? null : key, ...toFigures(row, bins.get(key) ?? []) }));
}

interface Lines {
  column: Prisma.Sql;
  keys: string[];
  sums: Prisma.Sql;
}

/** Histograms only of the lines that are shown: of thousands of customers that would be most of the work. */
async function binsOf(db: Db, { column, keys, sums }: Lines): Promise<Map<string, Bin[]>> {
  const shown = Prisma.sql`SELECT * FROM (${sums}) AS every WHERE ${column} = ANY (${keys})`;
  return histograms(await query(db, (client) => client.$queryRaw<PackedHistogram<string>[]>(histogramsBy(column, shown))));
}
