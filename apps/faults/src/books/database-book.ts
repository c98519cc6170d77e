/** What the database holds of one service's requests, read past the gateway's own code. */
import type { Rig } from '../rig/rig.js';

export interface LogRow {
  id: string;
  marker: string | null;
  status: string;
  costNanoUsd: number | null;
}

export interface AttemptRow {
  requestId: string;
  marker: string | null;
  status: string;
  error: string | null;
  estimated: boolean;
  /** `standin-<number>` where the vendor's answer was read. */
  vendorRequestId: string | null;
  costNanoUsd: number | null;
  worker: string;
  /** Epoch ms. */
  createdAt: number;
}

export interface DatabaseBook {
  logs: LogRow[];
  attempts: AttemptRow[];
  /** Attempts of these providers that belong to no request's row. */
  orphans: number;
}

const NANO = '(%s * 1000000000)::bigint::text';
const nano = (column: string): string => NANO.replace('%s', column);

export async function readDatabase(rig: Rig, service: string): Promise<DatabaseBook> {
  const logs = await rig.rows<{ id: string; marker: string | null; status: string; cost: string | null }>(
    `SELECT id, metadata->>'marker' AS marker, status, ${nano('cost_usd')} AS cost FROM llm_usage_logs WHERE service = $1`,
    [service],
  );
  const attempts = await rig.rows<{
    request_id: string;
    status: string;
    error: string | null;
    estimated: boolean;
    vendor_request_id: string | null;
    cost: string | null;
    worker: string;
    created_at: Date;
  }>(
    `SELECT request_id, status, error, estimated, vendor_request_id, ${nano('cost_usd')} AS cost, worker, created_at FROM llm_usage_attempts
     WHERE provider LIKE $1`,
    [`${service}-%`],
  );
  const markers = new Map(logs.map(({ id, marker }) => [id, marker]));
  return {
    logs: logs.map(({ cost, ...row }) => ({ ...row, costNanoUsd: cost === null ? null : Number(cost) })),
    attempts: attempts.map(
      ({ request_id: requestId, vendor_request_id: vendorRequestId, cost, created_at: createdAt, ...row }) => ({
        ...row,
        requestId,
        vendorRequestId,
        marker: markers.get(requestId) ?? null,
        costNanoUsd: cost === null ? null : Number(cost),
        createdAt: createdAt.getTime(),
      }),
    ),
    orphans: attempts.filter((row) => !markers.has(row.request_id)).length,
  };
}
