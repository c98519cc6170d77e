import type { GenerateJobPayload } from '@llm-gateway/queue';
import type { EngineDeps } from '../deps.js';
import type { ReadyProvider } from '../provider-pool.js';

/** One job's stay on one provider's lane. */
export interface Run {
  deps: EngineDeps;
  payload: GenerateJobPayload;
  provider: ReadyProvider;
  model: string;
  /** Aborts when the request is cancelled. */
  signal: AbortSignal;
}

/** What decisions about a job depend on besides its failure. */
export const situationOf = ({ head, hop, candidates }: GenerateJobPayload) => ({
  now: Date.now(),
  deadline: head.deadline,
  hasNext: hop + 1 < candidates.length,
});
