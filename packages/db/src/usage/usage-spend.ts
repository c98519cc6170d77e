import { query, type Db } from '../connection/database.js';
import { HAVING_ANY } from './figures.js';
import { sumsOf } from './rollups/sums-of.js';
import type { UsageFilter } from './usage-filter.js';

export interface Spend {
  service: string;
  customer_id: string | null;
  requests: number;
  /** Of what has a price. */
  cost_usd: number;
  saved_usd: number;
  /** The part of the cost that went into calls without an answer. */
  wasted_usd: number;
  unpriced_requests: number;
}

/** What each service has cost for each customer, most first. */
export async function spendByServiceAndCustomer(db: Db, filter: UsageFilter, limit: number): Promise<Spend[]> {
  return query(
    db,
    (client) => client.$queryRaw<Spend[]>`
      SELECT service, nullif(customer_id, '') AS customer_id, sum(requests)::float8 AS requests,
        sum(cost_nano_usd)::float8 / 1e9 AS cost_usd, sum(saved_nano_usd)::float8 / 1e9 AS saved_usd,
        sum(wasted_nano_usd)::float8 / 1e9 AS wasted_usd,
        sum(unpriced_requests)::float8 AS unpriced_requests
      FROM (${sumsOf({ filter, by: ['service', 'customer'] })}) AS sums GROUP BY 1, 2 ${HAVING_ANY}
      ORDER BY cost_usd DESC, service, customer_id LIMIT ${limit}`,
  );
}
