/** The one set of figures that summaries, breakdowns and time series share, as SQL and as callers see it. */
import { Prisma } from '../generated/client.js';
import { percentiles, unpackBins, type PackedHistogram, type Percentiles } from './rollups/latency.js';
import { eachSum, type Sum } from './rollups/facts.js';

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
  /** Of what has a price. By provider and model it is the cost of the calls made there, also of those that another answered for. */
  cost_usd: number;
  /** What answers from the cache or from another request's call would have cost. */
  saved_usd: number;
  /** The part of the cost that went into calls without an answer (failed, abandoned). */
  wasted_usd: number;
  unpriced_requests: number;
  /** Of whole requests, to within 3 %; null where there are none. */
  latency_ms: Percentiles;
}

export type SumsRow = Record<Sum, number>;

// Stored sums are exact; they become floating point on the way out, as the wire's JSON numbers are. Exact up to 9 million USD in a figure.
export const ADDED_UP = eachSum((name) => `coalesce(sum(${name}::float8), 0) AS ${name}`);

/** Sums that were booked and taken away again are none. */
export const HAVING_ANY = Prisma.sql`HAVING sum(requests) <> 0 OR sum(calls) <> 0`;

const NANO = 1_000_000_000;

export function toFigures(row: SumsRow, histogram: PackedHistogram): UsageFigures {
  const { requests, cache_hits, errors, unpriced_requests, input_tokens, output_tokens } = row;
  return {
    requests,
    cache_hits,
    cache_hit_rate: share(cache_hits, requests),
    errors,
    error_rate: share(errors, requests),
    input_tokens,
    output_tokens,
    cost_usd: row.cost_nano_usd / NANO,
    saved_usd: row.saved_nano_usd / NANO,
    wasted_usd: row.wasted_nano_usd / NANO,
    unpriced_requests,
    latency_ms: percentiles(unpackBins(histogram)),
  };
}

/** @returns 0 to 1; 0 of nothing is 0. */
export const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

const packed = (sign: 1 | -1): Prisma.Sql =>
  Prisma.raw(`string_agg(array_to_string(latency, ','), ',') FILTER (WHERE sign = ${sign} AND cardinality(latency) > 0)`);

/** The latencies of what `sumsOf` selects: tens of thousands of bins are quicker told apart here than sent as rows. */
export const HISTOGRAM = Prisma.sql`${packed(1)} AS added, ${packed(-1)} AS taken`;
