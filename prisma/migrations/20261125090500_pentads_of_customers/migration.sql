-- Sums of a customer by pentads (five days; the sixth of a month holds what remains), and of a service's customers by days and months.
-- Both are made of sums that are there already. Writers wait until it is done; see docs/performance.md for how long that takes.
SELECT pg_advisory_xact_lock(hashtext('llm_usage'), hashtext(current_schema()));

ALTER TABLE "llm_usage_rollups" DROP CONSTRAINT "llm_usage_rollups_grain";
ALTER TABLE "llm_usage_rollups" ADD CONSTRAINT "llm_usage_rollups_grain" CHECK ("grain" IN ('hour', 'day', 'pentad', 'month'));

-- Millions of sums are grouped at once.
SET LOCAL work_mem = '256MB';
INSERT INTO "llm_usage_rollups"
WITH cells AS (
  SELECT dimensions, 'pentad' AS grain,
    date_trunc('month', bucket, 'UTC') + least((extract(day FROM bucket AT TIME ZONE 'UTC')::integer - 1) / 5, 5) * interval '120 hours' AS bucket,
    '' AS service, customer_id, requests, cache_hits, errors, unpriced_requests, input_tokens, output_tokens, cost_nano_usd, saved_nano_usd,
    wasted_nano_usd, calls, failed_calls, latency
  FROM "llm_usage_rollups" WHERE dimensions = 2 AND grain = 'day'
  UNION ALL
  SELECT 3::smallint, grain, bucket, service, customer_id, requests, cache_hits, errors, unpriced_requests, input_tokens, output_tokens,
    cost_nano_usd, saved_nano_usd, wasted_nano_usd, calls, failed_calls, latency
  FROM "llm_usage_rollups" WHERE dimensions = 15
),
bins AS (
  SELECT dimensions, grain, bucket, service, customer_id, element & 255 AS bin, sum(element >> 8)::bigint AS count
  FROM cells CROSS JOIN unnest(latency) AS element GROUP BY 1, 2, 3, 4, 5, 6
),
parts AS (
  SELECT dimensions, grain, bucket, service, customer_id, requests, cache_hits, errors, unpriced_requests, input_tokens, output_tokens,
    cost_nano_usd, saved_nano_usd, wasted_nano_usd, calls, failed_calls, NULL::bigint AS element
  FROM cells
  UNION ALL
  SELECT dimensions, grain, bucket, service, customer_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (count << 8) | bin FROM bins WHERE count <> 0
)
SELECT dimensions, grain, bucket, service, customer_id, '', '', sum(requests), sum(cache_hits), sum(errors), sum(unpriced_requests),
  sum(input_tokens), sum(output_tokens), sum(cost_nano_usd), sum(saved_nano_usd), sum(wasted_nano_usd), sum(calls), sum(failed_calls),
  array_agg(element ORDER BY element & 255) FILTER (WHERE element IS NOT NULL)
FROM parts GROUP BY dimensions, grain, bucket, service, customer_id
ORDER BY dimensions, grain, bucket, service, customer_id;

-- How many sums there are of a kind: taken for independent, the two are estimated far off, and months are read by the wrong index.
CREATE STATISTICS "llm_usage_rollups_kinds" (mcv) ON dimensions, grain FROM "llm_usage_rollups";
ANALYZE "llm_usage_rollups";
