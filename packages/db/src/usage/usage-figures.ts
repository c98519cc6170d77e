import { query, type Db } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { FIGURES, requestsWithWaste, toFigures, type FiguresRow, type UsageFigures } from './figures.js';
import { matching, type UsageFilter } from './usage-filter.js';

export type UsageDimension = 'provider' | 'service' | 'customer' | 'model';
export type UsageSort = 'requests' | 'cost_usd' | 'errors' | 'key';

const COLUMNS = { provider: 'provider', service: 'service', customer: 'customer_id', model: 'model' } satisfies Record<
  UsageDimension,
  string
>;
const ORDERS = {
  requests: 'requests DESC',
  cost_usd: 'cost_usd DESC',
  errors: 'errors DESC',
  key: 'key NULLS LAST',
} satisfies Record<UsageSort, string>;

/** All matching requests in one set of figures. */
export async function usageSummary(db: Db, filter: UsageFilter): Promise<UsageFigures> {
  const sql = Prisma.sql`SELECT ${FIGURES} FROM ${requestsWithWaste(filter)} WHERE ${matching(filter)}`;
  const [row] = await query(db, (client) => client.$queryRaw<FiguresRow[]>(sql));
  if (!row) throw new Error('an aggregate without GROUP BY has exactly one row');
  return toFigures(row);
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
  options: UsageByOptions,
): Promise<({ key: string | null } & UsageFigures)[]> {
  // The raw parts come from the two tables above, never from a caller.
  const sql = Prisma.sql`
    SELECT ${Prisma.raw(COLUMNS[dimension])} AS key, ${FIGURES} FROM ${requestsWithWaste(filter)} WHERE ${matching(filter)}
    GROUP BY 1 ORDER BY ${Prisma.raw(ORDERS[options.sort])}, key LIMIT ${options.limit}`;
  const rows = await query(db, (client) => client.$queryRaw<({ key: string | null } & FiguresRow)[]>(sql));
  return rows.map((row) => ({ key: row.key, ...toFigures(row) }));
}
