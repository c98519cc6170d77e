/** The one set of figures that summaries, breakdowns and time series share, as SQL and as callers see it. */
import { Prisma } from '../generated/client.js';
import { type UsageFilter } from './usage-filter.js';

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
  /** What answers from the cache or from another request's call would have cost. */
  saved_usd: number;
  /** What these requests' attempts without an answer (failed, abandoned) have cost, where that is known. */
  wasted_usd: number;
  unpriced_requests: number;
  /** Of whole requests; null where there are none. */
  latency_ms: { p50: number | null; p95: number | null; p99: number | null };
}

export type FiguresRow = Omit<UsageFigures, 'cache_hit_rate' | 'error_rate' | 'latency_ms'> & { latencies: number[] | null };

// Sums are exact in numeric and bigint; they become floating point on the way out, as the wire's JSON numbers are.
export const FIGURES = Prisma.sql`
  count(*)::float8 AS requests,
  (count(*) FILTER (WHERE cache_status IN ('HIT', 'STALE')))::float8 AS cache_hits,
  (count(*) FILTER (WHERE status = 'error'))::float8 AS errors,
  coalesce(sum(uncached_input_tokens::bigint + cache_read_tokens + cache_write_tokens + cache_write_1h_tokens), 0)::float8 AS input_tokens,
  coalesce(sum(output_tokens), 0)::float8 AS output_tokens,
  coalesce(sum(cost_usd), 0)::float8 AS cost_usd,
  coalesce(sum(saved_usd), 0)::float8 AS saved_usd,
  coalesce(sum(request_waste_usd), 0)::float8 AS wasted_usd,
  (count(*) FILTER (WHERE cost_usd IS NULL))::float8 AS unpriced_requests,
  percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_ms) AS latencies`;

/**
 * What {@link FIGURES} read: each request's row with the waste of its attempts beside it. Waste goes with the request, like its cost, so
 * that in every breakdown it is a part of the cost next to it.
 */
export const requestsWithWaste = (filter: UsageFilter): Prisma.Sql => Prisma.sql`
  llm_usage_logs LEFT JOIN (
    SELECT request_id, sum(cost_usd) AS request_waste_usd FROM llm_usage_attempts
    WHERE status <> 'ok' AND ${attemptsNear(filter)} GROUP BY request_id
  ) AS waste ON waste.request_id = llm_usage_logs.id`;

/** A request lives for ten minutes at most; the rest allows for clocks of processes that differ. */
const ATTEMPT_MARGIN_MS = 3_600_000;

/** @returns a condition on `llm_usage_attempts` that spares reading attempts which cannot belong to the filter's requests. */
export function attemptsNear({ from, to }: UsageFilter): Prisma.Sql {
  const first = new Date(from.getTime() - ATTEMPT_MARGIN_MS);
  const last = new Date(to.getTime() + ATTEMPT_MARGIN_MS);
  return Prisma.sql`created_at >= ${first} AND created_at < ${last}`;
}

export function toFigures(row: FiguresRow): UsageFigures {
  const { requests, cache_hits, errors, input_tokens, output_tokens, cost_usd, saved_usd, wasted_usd, unpriced_requests } = row;
  const [p50 = null, p95 = null, p99 = null] = row.latencies ?? [];
  return {
    requests,
    cache_hits,
    cache_hit_rate: share(cache_hits, requests),
    errors,
    error_rate: share(errors, requests),
    input_tokens,
    output_tokens,
    cost_usd,
    saved_usd,
    wasted_usd,
    unpriced_requests,
    latency_ms: { p50, p95, p99 },
  };
}

/** @returns 0 to 1; 0 of nothing is 0. */
export const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
