/** Ending requests whose job cannot: it was failed as poison, lost with its queue, or nobody took it in time. */
import type { RequestStore } from '@llm-gateway/queue';
import type { EngineDeps } from '../deps.js';
import { finishFailed } from './finish.js';
import type { Trouble } from './outcome-of.js';

type EndDeps = Pick<EngineDeps, 'flights' | 'cache' | 'cacheInOrder' | 'logger' | 'providers' | 'budgets'> & {
  store: EngineDeps['store'] & Pick<RequestStore, 'forgetUnfinished'>;
};

/** Ends a request with what its state says of it. @returns false when it had ended, or nothing is known of it. */
export async function endAbandoned(deps: EndDeps, requestId: string, trouble: Trouble): Promise<boolean> {
  const stored = await deps.store.read(requestId);
  if (!stored) {
    await deps.store.forgetUnfinished(requestId);
    return false;
  }
  const { first } = await finishFailed(deps, { head: stored.head, attempts: stored.attempts, own: null, trouble });
  if (!first) await deps.store.forgetUnfinished(requestId);
  return first;
}

export const POISONED: Trouble = {
  code: 'provider_error',
  message: 'the request was given up, because the worker processes that took it ended without an answer several times',
};
export const UNREADABLE: Trouble = {
  code: 'internal',
  message: 'no worker of this version understands the request; finish the update of the workers',
};
export const LOST: Trouble = { code: 'timeout', message: 'nobody finished the request before its deadline' };
