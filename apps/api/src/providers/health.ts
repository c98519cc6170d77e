import { recentCalls } from '@llm-gateway/db';
import type { Allowance, LaneStatus, LimiterUse } from '@llm-gateway/queue';
import type { ProviderConfig } from '@llm-gateway/shared';
import { z } from 'zod';
import type { Deps } from '../deps.js';

const RECENT_MS = 5 * 60_000;

const perMinute = z
  .object({ limit: z.int(), remaining: z.int(), resets_at: z.iso.datetime().nullable().describe('null: nothing is used.') })
  .nullable()
  .describe('null: not limited.');

export const providerHealthAnswer = z.object({
  state: z.enum(['ok', 'disabled', 'circuit_open', 'paused', 'no_workers', 'unknown']),
  circuit: z.enum(['closed', 'open', 'half_open']).nullable(),
  circuit_open_until: z.iso.datetime().nullable(),
  paused_until: z.iso.datetime().nullable(),
  workers: z.int().nullable(),
  queue_depth: z.int().nullable(),
  limits: z
    .object({
      requests: perMinute,
      tokens: perMinute,
      concurrency: z.object({ limit: z.int(), in_use: z.int() }).nullable().describe('null: not limited.'),
    })
    .nullable()
    .describe('What is left of the minute, over all processes; null: it cannot be known just now.'),
  recent: z
    .object({
      since: z.iso.datetime(),
      calls: z.int(),
      errors: z.int(),
      error_rate: z.number(),
      latency_ms: z.object({ p50: z.int(), p95: z.int(), p99: z.int() }).nullable().describe('Of the calls that were answered.'),
      faults: z.record(z.string(), z.int()).describe('Errors by fault.'),
      last_error: z
        .object({
          at: z.iso.datetime(),
          fault: z.string().nullable(),
          message: z.string().nullable().describe('In the words of the vendor, without secrets.'),
          http_status: z.int().nullable(),
        })
        .nullable(),
    })
    .describe('Calls to this provider, retries included, whoever answered their requests in the end.'),
});
export type ProviderHealth = z.infer<typeof providerHealthAnswer>;

/** How a provider does: its lane and limits as Redis knows them (nulls while it does not), and the calls of the last minutes. */
export async function providerHealth(
  { db, lanes, limiterUse }: Pick<Deps, 'db' | 'lanes' | 'limiterUse'>,
  row: ProviderConfig,
): Promise<ProviderHealth> {
  const from = new Date(Date.now() - RECENT_MS);
  const lane = lanes.redisUp() ? lanes.status().get(row.name) : undefined;
  const [recent, use] = await Promise.all([
    recentCalls(db, row.name, from),
    lanes.redisUp() ? limiterUse(row.name).catch(() => null) : null,
  ]);
  return {
    state: stateOf(row, lane),
    circuit: lane?.circuit ?? null,
    circuit_open_until: timeOf(lane?.circuitOpenUntil),
    paused_until: timeOf(lane?.pausedUntil),
    workers: lane?.workers ?? null,
    queue_depth: lane?.depth ?? null,
    limits: use && limitsOf(row, use),
    recent: { since: from.toISOString(), ...recent, error_rate: recent.calls === 0 ? 0 : recent.errors / recent.calls },
  };
}

const timeOf = (epochMs: number | null | undefined): string | null => (epochMs == null ? null : new Date(epochMs).toISOString());

function stateOf(row: ProviderConfig, lane: LaneStatus | undefined): ProviderHealth['state'] {
  if (!row.enabled) return 'disabled';
  if (!lane) return 'unknown';
  if (lane.circuit === 'open') return 'circuit_open';
  if (lane.pausedUntil !== null && lane.pausedUntil > Date.now()) return 'paused';
  return lane.workers === 0 ? 'no_workers' : 'ok';
}

/** The limits are the row's: the books may be of a moment ago, or not there yet. */
function limitsOf({ rpmLimit, tpmLimit, maxConcurrency }: ProviderConfig, use: LimiterUse): ProviderHealth['limits'] {
  return {
    requests: minuteOf(rpmLimit, use.requests),
    tokens: minuteOf(tpmLimit, use.tokens),
    concurrency: maxConcurrency === null ? null : { limit: maxConcurrency, in_use: use.running ?? 0 },
  };
}

function minuteOf(limit: number | null, allowance: Allowance | null) {
  if (limit === null) return null;
  if (!allowance) return { limit, remaining: limit, resets_at: null };
  const used = Math.max(0, allowance.limit - allowance.remaining);
  return {
    limit,
    remaining: Math.max(0, limit - used),
    resets_at: used === 0 ? null : new Date(allowance.resetsAt).toISOString(),
  };
}
