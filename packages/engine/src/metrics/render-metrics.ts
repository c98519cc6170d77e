/** One scrape: what this process has counted, and what stands in Redis for all of them. */
import { usageBacklog, type LaneHealth, type Redis } from '@llm-gateway/queue';
import { Gauge, Registry } from 'prom-client';
import { metrics } from './registry.js';

/** Prometheus gives up after ten seconds; a Redis that hangs must not cost it the rest. */
const REDIS_TIMEOUT_MS = 2_000;

export interface MetricsSources {
  redis: Redis;
  lanes: Pick<LaneHealth, 'statuses'>;
  /** The names of all providers. */
  providers: () => string[];
  /** Figures of this process that are no counts, by the rest of their names. */
  own?: () => Record<string, { help: string; value: number }>;
}

export const METRICS_CONTENT_TYPE = metrics.contentType;

/** @returns Prometheus' text format. Without Redis: `llm_gateway_redis_up 0`, and no gauge that would have to guess. */
export async function renderMetrics(sources: MetricsSources): Promise<string> {
  // Made anew each time, so that the gauges of a removed provider go with it.
  const shared = new Registry();
  for (const [name, { help, value }] of Object.entries(sources.own?.() ?? {})) gauge(shared, name, help).set(value);
  const up = await inTime(readShared(sources, shared));
  gauge(shared, 'redis_up', 'Whether this process can reach Redis').set(up ? 1 : 0);
  return `${await metrics.metrics()}\n${await shared.metrics()}`;
}

async function readShared({ redis, lanes, providers }: MetricsSources, registry: Registry): Promise<void> {
  // A patient client would wait for a Redis that is away.
  if (redis.status !== 'ready') throw new Error('redis is not connected');
  const [backlog, statuses] = await Promise.all([usageBacklog(redis), lanes.statuses(providers())]);
  const all = (name: string, help: string) => gauge(registry, name, `${help}. The same from every process: take the max`);
  all('usage_stream_length', 'Usage events that are not in PostgreSQL yet').set(backlog.waiting);
  all('usage_stream_oldest_seconds', 'Age of the oldest of them').set(backlog.oldestMs / 1_000);
  all('usage_dead_letters', 'Usage events that PostgreSQL has refused for good').set(backlog.dead);
  const depth = all('lane_depth', 'Jobs that wait on the queue of a provider, delayed ones included');
  const workers = all('lane_workers', 'Workers that serve the queue of a provider');
  const open = all('lane_circuit_open', '1 while the circuit of a provider is open or tried again');
  const paused = all('lane_paused', '1 while a provider has asked to be left alone (Retry-After)');
  for (const [provider, lane] of statuses) {
    depth.set({ provider }, lane.depth);
    workers.set({ provider }, lane.workers);
    open.set({ provider }, lane.circuit === 'closed' ? 0 : 1);
    paused.set({ provider }, (lane.pausedUntil ?? 0) > Date.now() ? 1 : 0);
  }
}

const gauge = (registry: Registry, name: string, help: string) =>
  new Gauge({
    name: `llm_gateway_${name}`,
    help,
    labelNames: name.startsWith('lane_') ? ['provider'] : [],
    registers: [registry],
  });

/** @returns whether it came about within the time. */
async function inTime(work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), REDIS_TIMEOUT_MS);
  });
  const done = work.then(
    () => true,
    () => false,
  );
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}
