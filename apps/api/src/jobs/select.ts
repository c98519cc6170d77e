/** Which of the jobs that are kept a filter means. */
import type { JobRef, KeptJob, Shelf } from '@llm-gateway/queue';
import { requestTime } from '@llm-gateway/shared';
import { redisOrUnavailable } from '../generate/refusal.js';
import type { GenerateDeps } from '../generate/deps.js';
import { lanesOf } from './find.js';
import { keptView } from './view.js';
import type { JobStatus } from './wire.js';

export interface JobFilter {
  status?: JobStatus | undefined;
  provider?: string | undefined;
  service?: string | undefined;
  customer_id?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

type SelectDeps = Pick<GenerateDeps, 'kept' | 'config'>;

const SHELVES_OF = {
  queued: ['queued'],
  active: ['active'],
  completed: ['completed'],
  failed: ['failed'],
  // An aborted job is a failed one to its queue; its reason tells.
  cancelled: ['failed'],
} as const satisfies Record<JobStatus, Shelf[]>;

/** @returns where jobs are that may fit, newest first. What the id does not tell is left to {@link fits}. */
export async function candidates(deps: SelectDeps, filter: JobFilter): Promise<JobRef[]> {
  const lanes = filter.provider === undefined ? await redisOrUnavailable(lanesOf(deps)) : [filter.provider];
  const shelves: readonly Shelf[] = filter.status ? SHELVES_OF[filter.status] : ['queued', 'active', 'completed', 'failed'];
  const from = filter.from === undefined ? -Infinity : Date.parse(filter.from);
  const to = filter.to === undefined ? Infinity : Date.parse(filter.to);
  const refs = await redisOrUnavailable(deps.kept.refs(lanes, shelves));
  return refs.filter(({ requestId }) => {
    const at = requestTime(requestId);
    return at >= from && at < to;
  });
}

export function fits(job: KeptJob, { status, service, customer_id: customerId }: JobFilter): boolean {
  if (service !== undefined && job.head.service !== service) return false;
  if (customerId !== undefined && job.head.customerId !== customerId) return false;
  return status === undefined || keptView(job).status === status;
}
