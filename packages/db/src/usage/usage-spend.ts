import { query, type Db } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { matching, type UsageFilter } from './usage-filter.js';

export interface Spend {
  service: string;
  customer_id: string | null;
  requests: number;
  /** Of the requests that have a price. */
  cost_usd: number;
  saved_usd: number;
  unpriced_requests: number;
}

/** What each service has cost for each customer, most first. */
export async function spendByServiceAndCustomer(db: Db, filter: UsageFilter, limit: number): Promise<Spend[]> {
  const sql = Prisma.sql`
    SELECT service, customer_id, count(*)::float8 AS requests, coalesce(sum(cost_usd), 0)::float8 AS cost_usd,
      sum(saved_usd)::float8 AS saved_usd, (count(*) FILTER (WHERE cost_usd IS NULL))::float8 AS unpriced_requests
    FROM llm_usage_logs WHERE ${matching(filter)} GROUP BY service, customer_id
    ORDER BY cost_usd DESC, service, customer_id LIMIT ${limit}`;
  return query(db, (client) => client.$queryRaw<Spend[]>(sql));
}
