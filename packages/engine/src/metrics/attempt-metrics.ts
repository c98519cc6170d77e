import type { UsageAttempt } from '@llm-gateway/shared';
import { Counter, Histogram } from 'prom-client';
import { metrics } from './registry.js';

const attempts = new Counter({
  name: 'llm_gateway_provider_attempts_total',
  help: 'Provider calls that ended in this process, by outcome: ok, the fault, or abandoned (its process died)',
  labelNames: ['provider', 'outcome'],
  registers: [metrics],
});
const unpriced = new Counter({
  name: 'llm_gateway_unpriced_attempts_total',
  help: 'Provider calls whose cost is unknown; GET /api/v1/usage/unpriced lists their models',
  labelNames: ['provider'],
  registers: [metrics],
});
const seconds = new Histogram({
  name: 'llm_gateway_provider_attempt_seconds',
  help: 'Duration of provider calls, without the wait for queue and limits',
  labelNames: ['provider'],
  buckets: [0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300],
  registers: [metrics],
});

/** Counts an attempt as it ends. Of an abandoned one nobody knows how long it took. */
export function countAttempt({ provider, status, error, costNanoUsd, latencyMs }: UsageAttempt): void {
  const outcome = status === 'error' ? (error ?? 'unknown') : status;
  attempts.inc({ provider, outcome });
  if (costNanoUsd === null) unpriced.inc({ provider });
  if (status !== 'abandoned') seconds.observe({ provider }, latencyMs / 1_000);
}
