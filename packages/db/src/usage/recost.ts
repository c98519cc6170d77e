import type { Queryable } from '../connection/database.js';
import { callsOf, type Requests } from './rollups/facts.js';

/**
 * Sets the cost of requests to the sum of their attempts, null where one has no price. A request of which some attempts are still on
 * their way keeps the cost that it came with.
 */
export async function recost(tx: Queryable, requests: Requests): Promise<void> {
  // The condition stands here twice: the first one finds the rows, and the sums of their calls are set against them.
  await tx.$executeRaw`
    UPDATE llm_usage_logs AS log
    SET cost_usd = total.cost_usd, attempt_count = total.attempts, unpriced_reason = total.unpriced_reason
    FROM (
      SELECT request_id, count(*)::integer AS attempts,
        CASE WHEN count(cost_usd) = count(*) THEN sum(cost_usd) END AS cost_usd,
        (array_agg(unpriced_reason ORDER BY number) FILTER (WHERE cost_usd IS NULL))[1] AS unpriced_reason
      FROM llm_usage_attempts WHERE ${callsOf(requests)} GROUP BY request_id
    ) AS total
    WHERE ${requests.where} AND log.id = total.request_id AND log.attempt_count <= total.attempts
      AND (log.cost_usd, log.attempt_count, log.unpriced_reason) IS DISTINCT FROM (total.cost_usd, total.attempts, total.unpriced_reason)`;
}
