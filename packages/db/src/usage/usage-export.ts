import { query, type Db } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { REQUEST_MARGIN_MS } from './rollups/facts.js';
import { matching, type UsageFilter } from './usage-filter.js';

/** A request's row for a file: flat, and money as decimal text, because nine decimals do not survive floating point in large sums. */
export interface UsageExportRow {
  id: string;
  created_at: Date;
  service: string;
  customer_id: string | null;
  key_id: string | null;
  provider: string | null;
  provider_type: string | null;
  model: string | null;
  status: string;
  error_code: string | null;
  cache_status: string;
  finish_reason: string | null;
  uncached_input_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  cache_write_1h_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  cost_usd: string | null;
  unpriced_reason: string | null;
  saved_usd: string;
  latency_ms: number;
  queue_ms: number;
  attempt_count: number;
  client_gone: boolean;
  related_to: string | null;
  metadata: Record<string, string>;
  /** The part of the cost that went into calls without an answer. */
  wasted_usd: string;
}

/** As far as a request's calls may be from it. */
const MARGIN = Prisma.sql`${REQUEST_MARGIN_MS} * interval '1 millisecond'`;

const COLUMNS = Prisma.sql`
  id, created_at, service, customer_id, key_id, provider, provider_type, model, status, error_code, cache_status, finish_reason,
  uncached_input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens,
  cost_usd::text, unpriced_reason, saved_usd::text, latency_ms, queue_ms, attempt_count, client_gone, related_to, metadata`;

/** On the way every row of a batch stands in one JSON text. */
type Sent = Omit<UsageExportRow, 'created_at'> & { created_at: string };

/** Of a request's calls. Nearly all requests are answered by their only one, which is known without a look at it. */
const WASTED = Prisma.sql`
  CASE WHEN attempt_count = 0 OR attempt_count = 1 AND status = 'ok' AND cache_status <> 'STALE' THEN 0::decimal(18, 9)
  ELSE (
    SELECT coalesce(sum(call.cost_usd), 0)::decimal(18, 9) FROM llm_usage_attempts AS call
    WHERE call.request_id = page.id AND call.status <> 'ok'
      AND call.created_at BETWEEN page.created_at - ${MARGIN} AND page.created_at + ${MARGIN}
  ) END::text AS wasted_usd`;

/**
 * All matching rows, oldest first, in batches; the next is read when it is asked for. Between batches no connection and no snapshot is
 * held, however slow the reader: each begins after the last row of the one before, so that no row comes twice.
 *
 * A batch travels as one text: an object for each value would be thirty million of them for a million rows.
 */
export async function* usageExport(
  db: Db,
  filter: UsageFilter,
  batchSize = 500,
): AsyncGenerator<UsageExportRow[], void, undefined> {
  let last: UsageExportRow | undefined;
  do {
    const newer = last ? Prisma.sql`AND (created_at, id) > (${last.created_at}, ${last.id})` : Prisma.empty;
    // From the last row's own time on: by it PostgreSQL finds the month and the place in it, which it does not by the pair.
    const rest = { ...filter, from: last?.created_at ?? filter.from };
    const sql = Prisma.sql`
      SELECT coalesce(json_agg(batch), '[]')::text AS rows FROM (
        SELECT ${COLUMNS}, ${WASTED} FROM (
          SELECT * FROM llm_usage_logs WHERE ${matching(rest)} ${newer} ORDER BY created_at, id LIMIT ${batchSize}
        ) AS page ORDER BY created_at, id
      ) AS batch`;
    const [sent] = await query(db, (client) => client.$queryRaw<{ rows: string }[]>(sql));
    const rows = (JSON.parse(sent?.rows ?? '[]') as Sent[]).map((row) => ({ ...row, created_at: new Date(row.created_at) }));
    if (rows.length > 0) yield rows;
    last = rows.length === batchSize ? rows.at(-1) : undefined;
  } while (last);
}
