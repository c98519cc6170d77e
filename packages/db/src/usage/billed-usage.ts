import type { NanoUsd } from '@llm-gateway/shared';
import { query, type Db } from '../connection/database.js';
import type { AttemptRange } from './reprice-usage.js';

/** What providers were asked for in a range, as their vendor would bill it: by model, failed and estimated calls included. */
export interface BilledUsage {
  /** The model that has answered, or was asked where no answer was seen. */
  model: string;
  attempts: number;
  /** The whole input: uncached, read from and written to the vendor's cache. */
  inputTokens: number;
  outputTokens: number;
  /** Of the attempts that have a price. */
  costNanoUsd: NanoUsd;
  unpriced: number;
  /** Attempts whose answer was never seen: their tokens are a guess. */
  estimated: number;
}

/** @param providers names; the attempts of all of them count together. */
export async function billedUsage(db: Db, { from, to }: AttemptRange, providers: readonly string[]): Promise<BilledUsage[]> {
  return query(
    db,
    (client) => client.$queryRaw<BilledUsage[]>`
      SELECT coalesce(served_model, model) AS model, count(*)::float8 AS attempts,
        sum(uncached_input_tokens::bigint + cache_read_tokens + cache_write_tokens + cache_write_1h_tokens)::float8 AS "inputTokens",
        sum(output_tokens)::float8 AS "outputTokens", (coalesce(sum(cost_usd), 0) * 1000000000)::float8 AS "costNanoUsd",
        (count(*) FILTER (WHERE cost_usd IS NULL))::float8 AS unpriced, (count(*) FILTER (WHERE estimated))::float8 AS estimated
      FROM llm_usage_attempts WHERE provider = ANY (${[...providers]}) AND created_at >= ${from} AND created_at < ${to}
      GROUP BY 1 ORDER BY 1`,
  );
}
