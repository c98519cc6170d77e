/** What only single provider calls tell: who failed although another answered, and which models have no price. */
import { query, type Db } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { share } from './figures.js';
import { callsNear } from './rollups/facts.js';
import { sumsOf } from './rollups/sums-of.js';
import { matching, type UsageFilter } from './usage-filter.js';

export interface ProviderErrors {
  provider: string;
  /** Calls, retries included. */
  calls: number;
  /** Calls that failed, be it that another provider answered then. */
  errors: number;
  error_rate: number;
}

/** The calls of each provider, most first. A call that we ended ourselves, or whose worker died, is none of its errors. */
export async function providerErrors(db: Db, filter: UsageFilter): Promise<ProviderErrors[]> {
  const rows = await query(
    db,
    (client) => client.$queryRaw<Omit<ProviderErrors, 'error_rate'>[]>`
      SELECT provider, sum(calls)::float8 AS calls, sum(failed_calls)::float8 AS errors
      FROM (${sumsOf({ filter, by: ['provider'] })}) AS sums GROUP BY 1 HAVING sum(calls) <> 0 ORDER BY calls DESC, provider`,
  );
  return rows.map((row) => ({ ...row, error_rate: share(row.errors, row.calls) }));
}

export interface UnpricedModel {
  provider: string;
  provider_type: string;
  /** The one that served, where the vendor said so: it is what a price is looked up for. */
  model: string;
  reason: string | null;
  requests: number;
  input_tokens: number;
  output_tokens: number;
  /** ISO 8601. */
  last_seen: string;
}

/** Models whose calls have no price, with what went uncounted; most requests first. */
export async function unpricedModels(db: Db, filter: UsageFilter, limit: number): Promise<UnpricedModel[]> {
  const sql = Prisma.sql`
    SELECT provider, provider_type, coalesce(served_model, model) AS model, unpriced_reason AS reason,
      count(DISTINCT request_id)::float8 AS requests,
      sum(uncached_input_tokens::bigint + cache_read_tokens + cache_write_tokens + cache_write_1h_tokens)::float8 AS input_tokens,
      sum(output_tokens)::float8 AS output_tokens, max(created_at) AS last_seen
    FROM llm_usage_attempts WHERE cost_usd IS NULL AND ${attemptsOf(filter)}
    GROUP BY 1, 2, 3, 4 ORDER BY requests DESC, provider, 3, 4 LIMIT ${limit}`;
  const rows = await query(db, (client) => client.$queryRaw<(Omit<UnpricedModel, 'last_seen'> & { last_seen: Date })[]>(sql));
  return rows.map((row) => ({ ...row, last_seen: row.last_seen.toISOString() }));
}

/** The attempts of the filter's requests; a provider in it is the one that was called, not the one that answered in the end. */
function attemptsOf(filter: UsageFilter): Prisma.Sql {
  const { provider, ...requests } = filter;
  const called = provider === undefined ? Prisma.empty : Prisma.sql`AND provider = ${provider}`;
  return Prisma.sql`${callsNear(filter, Prisma.sql`created_at`)} ${called}
    AND request_id IN (SELECT id FROM llm_usage_logs WHERE ${matching(requests)})`;
}
