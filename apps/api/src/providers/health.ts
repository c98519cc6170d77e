import { usageSummary } from '@llm-gateway/db';
import type { LaneStatus } from '@llm-gateway/queue';
import type { ProviderConfig } from '@llm-gateway/shared';
import { z } from 'zod';
import type { Deps } from '../deps.js';

const RECENT_MS = 15 * 60_000;

export const providerHealthAnswer = z.object({
  state: z.enum(['ok', 'disabled', 'circuit_open', 'paused', 'no_workers', 'unknown']),
  circuit: z.enum(['closed', 'open', 'half_open']).nullable(),
  paused_until: z.iso.datetime().nullable(),
  workers: z.int().nullable(),
  queue_depth: z.int().nullable(),
  recent: z.object({ since: z.iso.datetime(), requests: z.int(), errors: z.int(), error_rate: z.number() }),
});
export type ProviderHealth = z.infer<typeof providerHealthAnswer>;

/** How a provider does: its lane as Redis knows it (nulls while it does not), and the last quarter of an hour of its requests. */
export async function providerHealth({ db, lanes }: Pick<Deps, 'db' | 'lanes'>, row: ProviderConfig): Promise<ProviderHealth> {
  const to = new Date();
  const from = new Date(to.getTime() - RECENT_MS);
  const { requests, errors, error_rate } = await usageSummary(db, { from, to, provider: row.name });
  const lane = lanes.redisUp() ? lanes.status().get(row.name) : undefined;
  return {
    state: stateOf(row, lane),
    circuit: lane?.circuit ?? null,
    paused_until: lane?.pausedUntil == null ? null : new Date(lane.pausedUntil).toISOString(),
    workers: lane?.workers ?? null,
    queue_depth: lane?.depth ?? null,
    recent: { since: from.toISOString(), requests, errors, error_rate },
  };
}

function stateOf(row: ProviderConfig, lane: LaneStatus | undefined): ProviderHealth['state'] {
  if (!row.enabled) return 'disabled';
  if (!lane) return 'unknown';
  if (lane.circuit === 'open') return 'circuit_open';
  if (lane.pausedUntil !== null && lane.pausedUntil > Date.now()) return 'paused';
  return lane.workers === 0 ? 'no_workers' : 'ok';
}
