/** Re-pricing of the past: what attempts used stays as it is, what it cost is worked out anew. */
import { providerType, type NanoUsd, type ProviderType, type TokenBuckets, type UsageAttempt } from '@llm-gateway/shared';
import { query, transaction, type Db, type Queryable } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { recost } from './recost.js';
import { changeBooked, requestsOf, takeTurns } from './rollups/change-booked.js';

/** What a price depends on, and the price that stands. */
export interface StoredAttempt extends Pick<
  UsageAttempt,
  | 'id'
  | 'requestId'
  | 'provider'
  | 'providerType'
  | 'model'
  | 'servedModel'
  | 'status'
  | 'tokens'
  | 'estimated'
  | 'costNanoUsd'
  | 'unpricedReason'
  | 'priceVersion'
> {
  createdAt: Date;
}

export interface AttemptRange {
  from: Date;
  /** Not included. */
  to: Date;
}

type Row = Omit<StoredAttempt, 'tokens' | 'providerType'> & TokenBuckets & { providerType: string };

/**
 * The attempts of a range in the order of their times, page by page.
 * @param after the last attempt of the page before.
 */
export async function storedAttempts(
  db: Db,
  { from, to }: AttemptRange,
  { after, limit }: { after: Pick<StoredAttempt, 'createdAt' | 'id'> | undefined; limit: number },
): Promise<StoredAttempt[]> {
  const later = after ? Prisma.sql`AND (created_at, id) > (${after.createdAt}, ${after.id})` : Prisma.empty;
  const sql = Prisma.sql`
    SELECT id, created_at AS "createdAt", request_id AS "requestId", provider, provider_type AS "providerType", model,
      served_model AS "servedModel", status, estimated, uncached_input_tokens AS "uncachedInput", cache_read_tokens AS "cacheRead",
      cache_write_tokens AS "cacheWrite", cache_write_1h_tokens AS "cacheWrite1h", output_tokens AS output,
      reasoning_tokens AS reasoning, (cost_usd * 1000000000)::float8 AS "costNanoUsd", unpriced_reason AS "unpricedReason",
      price_version AS "priceVersion"
    FROM llm_usage_attempts WHERE created_at >= ${after?.createdAt ?? from} AND created_at < ${to} ${later}
    ORDER BY created_at, id LIMIT ${limit}`;
  const rows = await query(db, (client) => client.$queryRaw<Row[]>(sql));
  return rows.map(toStoredAttempt);
}

function toStoredAttempt(row: Row): StoredAttempt {
  const { uncachedInput, cacheRead, cacheWrite, cacheWrite1h, output, reasoning, ...rest } = row;
  const tokens = { uncachedInput, cacheRead, cacheWrite, cacheWrite1h, output, reasoning };
  const type: ProviderType = providerType.parse(row.providerType);
  return { ...rest, providerType: type, tokens };
}

export interface NewPrice {
  /** As it was read: a row that has changed since keeps what it has. */
  attempt: StoredAttempt;
  costNanoUsd: NanoUsd | null;
  unpricedReason: string | null;
  priceVersion: string | null;
}

/**
 * Writes new prices in one transaction, with what the requests behind them cost and the sums that hold it. Tokens and `estimated` stay.
 * @param prices up to some thousands.
 * @returns the number of attempts written: fewer than given where an attempt was closed or re-priced meanwhile.
 * @throws GatewayError `unavailable` when the database is down.
 */
export async function repriceAttempts(db: Db, prices: readonly NewPrice[]): Promise<number> {
  if (prices.length === 0) return 0;
  const times = prices.map(({ attempt }) => attempt.createdAt.getTime());
  const span = { from: new Date(Math.min(...times)), to: new Date(Math.max(...times)) };
  const requests = requestsOf([...new Set(prices.map(({ attempt }) => attempt.requestId))], span);
  return transaction(db, async (tx) => {
    await takeTurns(tx, 'alone');
    return changeBooked(tx, requests, async () => {
      const written = await writePrices(tx, prices);
      await recost(tx, requests);
      return written;
    });
  });
}

/** @returns how many were written. */
async function writePrices(tx: Queryable, prices: readonly NewPrice[]): Promise<number> {
  const rows = prices.map(({ attempt, ...price }) => ({
    id: attempt.id,
    created_at: attempt.createdAt.toISOString(),
    status: attempt.status,
    old_cost: attempt.costNanoUsd,
    new_cost: price.costNanoUsd,
    reason: price.unpricedReason,
    version: price.priceVersion,
  }));
  return tx.$executeRaw`
    UPDATE llm_usage_attempts AS stored
    SET cost_usd = given.new_cost * 0.000000001, unpriced_reason = given.reason, price_version = given.version
    FROM json_to_recordset(${JSON.stringify(rows)}::json) AS given
      (id text, created_at timestamptz, status text, old_cost numeric, new_cost numeric, reason text, version text)
    WHERE stored.id = given.id AND stored.created_at = given.created_at AND stored.status = given.status
      AND stored.cost_usd IS NOT DISTINCT FROM given.old_cost * 0.000000001`;
}
