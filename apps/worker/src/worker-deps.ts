import type { EngineDeps } from '@llm-gateway/engine';
import type { Belt, KeptJobs, LaneHealth, Limiter, RequestStore } from '@llm-gateway/queue';

/** What a worker's attempts need, all of it in Redis. */
export interface WorkerDeps extends EngineDeps {
  store: RequestStore;
  belt: Belt;
  kept: KeptJobs;
  lanes: LaneHealth;
  limiter: Limiter;
}
