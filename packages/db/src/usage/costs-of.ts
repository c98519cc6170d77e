import type { NanoUsd } from '@llm-gateway/shared';
import type { Queryable } from '../connection/database.js';
import { callsOf, type Requests } from './rollups/facts.js';

/** What a request has cost, as the sums count it. */
export interface SpentRequest {
  requestId: string;
  /** When the request arrived, epoch ms: the window that it counts in. */
  createdAt: number;
  service: string;
  customerId: string | null;
  /** Of those of its calls that have a price. */
  costNanoUsd: NanoUsd;
}

export async function costsOf(tx: Queryable, requests: Requests): Promise<SpentRequest[]> {
  return tx.$queryRaw<SpentRequest[]>`
    WITH asked AS MATERIALIZED (SELECT id, created_at, service, customer_id, cost_usd FROM llm_usage_logs WHERE ${requests.where}),
    -- Of the few that have no cost of their own, because one of their calls has no price.
    priced AS (
      SELECT request_id, sum(cost_usd) AS cost_usd FROM llm_usage_attempts
      WHERE ${callsOf(requests)} AND request_id IN (SELECT id FROM asked WHERE cost_usd IS NULL) GROUP BY request_id
    )
    SELECT id AS "requestId", (extract(epoch FROM created_at) * 1000)::float8 AS "createdAt", service, customer_id AS "customerId",
      (coalesce(asked.cost_usd, priced.cost_usd, 0) * 1000000000)::float8 AS "costNanoUsd"
    FROM asked LEFT JOIN priced ON request_id = id`;
}
