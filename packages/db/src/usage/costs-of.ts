import type { NanoUsd } from '@llm-gateway/shared';
import type { Queryable } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { callsNear, type Requests } from './rollups/facts.js';

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

export async function costsOf(tx: Queryable, { where, span }: Requests): Promise<SpentRequest[]> {
  return tx.$queryRaw<SpentRequest[]>`
    SELECT id AS "requestId", (extract(epoch FROM created_at) * 1000)::float8 AS "createdAt", service, customer_id AS "customerId",
      (coalesce(cost_usd, (SELECT sum(call.cost_usd) FROM llm_usage_attempts AS call
        WHERE call.request_id = asked.id AND ${callsNear(span, Prisma.sql`call.created_at`)}), 0) * 1000000000)::float8 AS "costNanoUsd"
    FROM (SELECT * FROM llm_usage_logs WHERE ${where}) AS asked`;
}
