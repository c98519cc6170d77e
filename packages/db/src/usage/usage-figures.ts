import { query, type Db } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { matching, type UsageFilter } from './usage-filter.js';

/** What a set of requests came to, as the contract words it. */
export interface UsageFigures {
  requests: number;
  /** Answered from the cache, fresh or stale. */
  cache_hits: number;
  /** Of all requests, 0 to 1; 0 where there are none. */
  cache_hit_rate: number;
  /** Requests that failed; those that a caller cancelled are none. */
  errors: number;
  error_rate: number;
  /** The whole input: uncached, read from and written to the vendors' caches. */
  input_tokens: number;
  output_tokens: number;
  /** Of the requests that have a price. */
  cost_usd: number;
  unpriced_requests: number;
  /** Of whole requests; null where there are none. */
  latency_ms: { p50: number | null; p95: number | null; p99: number | null };
}

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

type FiguresRow = Omit<UsageFigures, 'cache_hit_rate' | 'error_rate' | 'latency_ms'> & { latencies: number[] | null };

// Sums are exact in numeric and bigint; they become floating point on the way out, as the wire's JSON numbers are.
const FIGURES = Prisma.sql`
  count(*)::float8 AS requests,
  (count(*) FILTER (WHERE cache_status IN ('HIT', 'STALE')))::float8 AS cache_hits,
  (count(*) FILTER (WHERE status = 'error'))::float8 AS errors,
  coalesce(sum(uncached_input_tokens::bigint + cache_read_tokens + cache_write_tokens + cache_write_1h_tokens), 0)::float8 AS input_tokens,
  coalesce(sum(output_tokens), 0)::float8 AS output_tokens,
  coalesce(sum(cost_usd), 0)::float8 AS cost_usd,
  (count(*) FILTER (WHERE cost_usd IS NULL))::float8 AS unpriced_requests,
  percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_ms) AS latencies`;

/** All matching requests in one set of figures. */
export async function usageSummary(db: Db, filter: UsageFilter): Promise<UsageFigures> {
  const sql = Prisma.sql`SELECT ${FIGURES} FROM llm_usage_logs WHERE ${matching(filter)}`;
  const [row] = await query(db, (client) => client.$queryRaw<FiguresRow[]>(sql));
  if (!row) throw new Error('an aggregate without GROUP BY has exactly one row');
  return figures(row);
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
    SELECT ${Prisma.raw(COLUMNS[dimension])} AS key, ${FIGURES} FROM llm_usage_logs WHERE ${matching(filter)}
    GROUP BY 1 ORDER BY ${Prisma.raw(ORDERS[options.sort])}, key LIMIT ${options.limit}`;
  const rows = await query(db, (client) => client.$queryRaw<({ key: string | null } & FiguresRow)[]>(sql));
  return rows.map((row) => ({ key: row.key, ...figures(row) }));
}

function figures(row: FiguresRow): UsageFigures {
  const { requests, cache_hits, errors, input_tokens, output_tokens, cost_usd, unpriced_requests } = row;
  const [p50 = null, p95 = null, p99 = null] = row.latencies ?? [];
  const cache_hit_rate = share(cache_hits, requests);
  const error_rate = share(errors, requests);
  const latency_ms = { p50, p95, p99 };
  return {
    requests,
    cache_hits,
    cache_hit_rate,
    errors,
    error_rate,
    input_tokens,
    output_tokens,
    cost_usd,
    unpriced_requests,
    latency_ms,
  };
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
