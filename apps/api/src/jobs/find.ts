/** One job: as the request store knows it, or, once that has forgotten it, as its queue has kept it. */
import type { JobRef, KeptJob, StoredRequest } from '@llm-gateway/queue';
import { GatewayError } from '@llm-gateway/shared';
import type { Caller } from '../auth/caller.js';
import type { GenerateDeps } from '../generate/deps.js';
import { redisOrUnavailable } from '../generate/refusal.js';
import { mayTouch } from './access.js';

/** At least one of the two is there. */
export interface FoundJob {
  stored: StoredRequest | null;
  kept: KeptJob | null;
}

const REQUEST_ID = /^[\w-]{1,64}$/;

/** @throws GatewayError not_found also for somebody else's job: its id is nobody else's business. */
export async function findJob(deps: GenerateDeps, caller: Caller, id: string): Promise<FoundJob> {
  const missing = new GatewayError('not_found', `there is no job ${id.slice(0, 64)}, or it is no longer kept`);
  if (!REQUEST_ID.test(id)) throw missing;
  const stored = await redisOrUnavailable(deps.store.read(id));
  const ref = await redisOrUnavailable(stored ? placeOf(deps, stored) : lookEverywhere(deps, id));
  const [kept = null] = ref ? await redisOrUnavailable(deps.kept.read([ref])) : [];
  const head = stored?.head ?? kept?.head;
  if (!head || !mayTouch(caller, head)) throw missing;
  return { stored, kept };
}

function placeOf(deps: GenerateDeps, { head, hop }: StoredRequest): Promise<JobRef | null> {
  const lane = head.lanes[hop];
  return lane === undefined ? Promise.resolve(null) : deps.kept.findAt(head.id, { lane, hop });
}

async function lookEverywhere(deps: GenerateDeps, id: string): Promise<JobRef | null> {
  return deps.kept.find(id, await lanesOf(deps));
}

/** Every lane that may hold jobs. */
export const lanesOf = (deps: Pick<GenerateDeps, 'kept' | 'config'>): Promise<string[]> =>
  deps.kept.lanes(deps.config.current().providers.map(({ name }) => name));
