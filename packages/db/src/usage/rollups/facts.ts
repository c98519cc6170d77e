/**
 * What a request adds to the sums: one fact for the request, under who answered it, and one for each provider call, under who was
 * called. So the cost of a call that failed stays with the provider that bills it, and no request is counted twice.
 */
import { Prisma } from '../../generated/client.js';
import { LATENCY_BIN } from './latency.js';

/** The columns that add up. */
export const SUMS = [
  'requests',
  'cache_hits',
  'errors',
  'unpriced_requests',
  'input_tokens',
  'output_tokens',
  'cost_nano_usd',
  'saved_nano_usd',
  'wasted_nano_usd',
  'calls',
  'failed_calls',
] as const;
export type Sum = (typeof SUMS)[number];

/**
 * A request and its calls are at most this apart: no call is made after its request's deadline, ten minutes after the arrival, and the rest
 * allows for clocks that differ. No row is further away (see `asTheirIdsSay`), and nothing is looked for there: all calls from one margin to
 * the other are read at a range's ends.
 */
export const REQUEST_MARGIN_MS = 3_600_000;

/** @returns a condition that the calls of requests meet which arrived in the span. */
export const callsNear = ({ from, to }: { from: Date; to: Date }, column: Prisma.Sql): Prisma.Sql => {
  const [first, last] = [new Date(from.getTime() - REQUEST_MARGIN_MS), new Date(to.getTime() + REQUEST_MARGIN_MS)];
  return Prisma.sql`${column} BETWEEN ${first} AND ${last}`;
};

export interface Requests {
  /** A condition on `llm_usage_logs`. */
  where: Prisma.Sql;
  /** When they arrived, at the earliest and the latest. */
  span: { from: Date; to: Date };
  /** Where they are known by their ids. */
  ids?: readonly string[];
}

/** @returns a condition on `llm_usage_attempts` that the calls of the requests meet, and where they are known by their ids no other. */
export const callsOf = ({ span, ids }: Requests): Prisma.Sql => {
  const near = callsNear(span, Prisma.sql`created_at`);
  return ids ? Prisma.sql`${near} AND request_id = ANY (${[...ids]})` : near;
};

/**
 * @returns common table expressions, the last of them `facts` (created_at, service, customer_id, provider, model, the sums, bin): none
 * of the names is null, and `bin` is null for a call.
 */
export const factsOf = (requests: Requests): Prisma.Sql => Prisma.sql`
  asked AS MATERIALIZED (
    SELECT id, created_at, service, coalesce(customer_id, '') AS customer_id, coalesce(provider, '') AS provider,
      coalesce(model, '') AS model, cache_status, status, cost_usd, saved_usd, ${LATENCY_BIN} AS bin,
      uncached_input_tokens::bigint + cache_read_tokens + cache_write_tokens + cache_write_1h_tokens AS input_tokens, output_tokens
    FROM llm_usage_logs WHERE ${requests.where}
  ),
  called AS MATERIALIZED (
    SELECT asked.id, asked.created_at, asked.service, asked.customer_id, call.provider, coalesce(call.served_model, call.model) AS model,
      call.status, call.error, call.cost_usd
    FROM asked JOIN (SELECT * FROM llm_usage_attempts WHERE ${callsOf(requests)}) AS call ON call.request_id = asked.id
  ),
  paid AS (SELECT id, sum(cost_usd) AS cost_usd FROM called GROUP BY id),
  facts AS (
    SELECT created_at, service, customer_id, asked.provider, model, 1 AS requests, (cache_status IN ('HIT', 'STALE'))::integer AS cache_hits,
      (status = 'error')::integer AS errors, (asked.cost_usd IS NULL)::integer AS unpriced_requests, input_tokens, output_tokens,
      -- Usually 0: what a request came with beyond its calls that are known so far.
      coalesce((asked.cost_usd - coalesce(paid.cost_usd, 0)) * 1000000000, 0)::bigint AS cost_nano_usd,
      (saved_usd * 1000000000)::bigint AS saved_nano_usd, 0::bigint AS wasted_nano_usd, 0 AS calls, 0 AS failed_calls, bin
    FROM asked LEFT JOIN paid USING (id)
    UNION ALL
    SELECT created_at, service, customer_id, provider, model, 0, 0, 0, 0, 0, 0, coalesce(cost_usd * 1000000000, 0)::bigint, 0,
      CASE WHEN status = 'ok' THEN 0 ELSE coalesce(cost_usd * 1000000000, 0)::bigint END, 1,
      (status = 'error' AND error IS DISTINCT FROM 'aborted')::integer, NULL
    FROM called
  )`;

/** `sum(<name>) AS <name>` for each of the sums. @param each how a sum is written; the names are ours. */
export const eachSum = (each: (name: Sum) => string): Prisma.Sql => Prisma.raw(SUMS.map(each).join(', '));
