import type { Queryable } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { callsNear, type Requests } from './rollups/facts.js';

/**
 * Sets the cost of requests to the sum of their attempts, null where one has no price. A request of which some attempts are still on
 * their way keeps the cost that it came with.
 */
export async function recost(tx: Queryable, { where, span }: Requests): Promise<void> {
  await tx.$executeRaw`
    UPDATE llm_usage_logs AS log
    SET cost_usd = total.cost_usd, attempt_count = total.attempts, unpriced_reason = total.unpriced_reason
    FROM (
      SELECT asked.id, asked.created_at, count(*)::integer AS attempts,
        CASE WHEN count(call.cost_usd) = count(*) THEN sum(call.cost_usd) END AS cost_usd,
        (array_agg(call.unpriced_reason ORDER BY number) FILTER (WHERE call.cost_usd IS NULL))[1] AS unpriced_reason
      FROM (SELECT id, created_at FROM llm_usage_logs WHERE ${where}) AS asked
      JOIN llm_usage_attempts AS call ON call.request_id = asked.id AND ${callsNear(span, Prisma.sql`call.created_at`)}
      GROUP BY asked.id, asked.created_at
    ) AS total
    WHERE log.id = total.id AND log.created_at = total.created_at AND log.attempt_count <= total.attempts
      AND (log.cost_usd, log.attempt_count, log.unpriced_reason) IS DISTINCT FROM (total.cost_usd, total.attempts, total.unpriced_reason)`;
}
