/** How the calls of one provider went of late, read from the calls themselves. */
import { query, type Db } from '../connection/database.js';

export interface RecentCalls {
  /** Retries included; not those that we ended ourselves, or whose worker died: they say nothing of the provider. */
  calls: number;
  errors: number;
  /** Of the calls that were answered; null without any. */
  latency_ms: { p50: number; p95: number; p99: number } | null;
  /** Errors by fault. */
  faults: Record<string, number>;
  last_error: { at: string; fault: string | null; message: string | null; http_status: number | null } | null;
}

interface Figures {
  calls: number;
  errors: number;
  latencies: number[] | null;
}

/** @returns the calls since `from`, whoever answered their requests in the end. */
export async function recentCalls(db: Db, provider: string, from: Date): Promise<RecentCalls> {
  const [figures, faults, errors] = await query(db, (client) =>
    Promise.all([
      client.$queryRaw<Figures[]>`
        SELECT count(*)::float8 AS calls, count(*) FILTER (WHERE status = 'error')::float8 AS errors,
          percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE status = 'ok') AS latencies
        FROM llm_usage_attempts
        WHERE provider = ${provider} AND created_at >= ${from} AND status <> 'abandoned' AND error IS DISTINCT FROM 'aborted'`,
      client.$queryRaw<{ fault: string; calls: number }[]>`
        SELECT coalesce(error, 'unknown') AS fault, count(*)::float8 AS calls FROM llm_usage_attempts
        WHERE provider = ${provider} AND created_at >= ${from} AND status = 'error' AND error IS DISTINCT FROM 'aborted'
        GROUP BY 1 ORDER BY 2 DESC`,
      client.usageAttempt.findFirst({
        where: { provider, createdAt: { gte: from }, status: 'error', error: { not: 'aborted' } },
        orderBy: { createdAt: 'desc' },
        select: { createdAt: true, error: true, errorMessage: true, httpStatus: true },
      }),
    ]),
  );
  const { calls = 0, errors: failed = 0, latencies = null } = figures[0] ?? {};
  const [p50, p95, p99] = latencies ?? [];
  return {
    calls,
    errors: failed,
    latency_ms: p50 === undefined || p95 === undefined || p99 === undefined ? null : { p50, p95, p99 },
    faults: Object.fromEntries(faults.map(({ fault, calls: count }) => [fault, count])),
    last_error: errors && {
      at: errors.createdAt.toISOString(),
      fault: errors.error,
      message: errors.errorMessage,
      http_status: errors.httpStatus,
    },
  };
}
