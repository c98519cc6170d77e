/**
 * Direct mode: one request carried out in this process from its first lane to its last, by {@link attempt}, the worker's own
 * rules. What a worker puts back into a queue is done here in turn.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { GenerateJobPayload, Outcome } from '@llm-gateway/queue';
import { RETRY_AFTER_MS } from '@llm-gateway/shared';
import { attempt } from '../attempt/attempt.js';
import type { EngineDeps } from '../deps.js';
import { finishFailed } from '../finish/finish.js';
import type { Trouble } from '../finish/outcome-of.js';
import { DirectStore, type DirectStoreOptions } from './direct-store.js';

export interface DirectRun extends Pick<DirectStoreOptions, 'signal' | 'spool' | 'shared'> {
  payload: GenerateJobPayload;
  /**
   * Asked before each further stay on a lane: puts the request on that lane's queue, where workers serve it. Their limits are shared, ours
   * are not: a lane that has both is called more often than it may be. @returns false where it is to be carried out here.
   */
  passOn: (payload: GenerateJobPayload) => Promise<boolean>;
}

const INTERRUPTED: Trouble = {
  code: 'unavailable',
  message: 'the gateway could not carry out the request, try again',
  retryAfterMs: RETRY_AFTER_MS,
};

/** @returns how the request ended, which is recorded by then; within its deadline. null: it was passed on. Never rejects. */
export async function carryOut(deps: Omit<EngineDeps, 'store' | 'belt'>, run: DirectRun): Promise<Outcome | null> {
  const { payload, shared } = run;
  const { id } = payload.head;
  const store = new DirectStore({ ...run, head: payload.head, logger: deps.logger });
  try {
    if ((await walk({ ...deps, store }, run)) === 'passed on') return null;
    // Where it was over before it began, its outcome is another run's.
    const ended = store.outcome ?? (await shared?.outcomes([id]))?.get(id);
    if (ended) return ended;
  } catch (error) {
    deps.logger.error({ err: error, requestId: id }, 'a request could not be carried out to its end');
  }
  await finishFailed({ ...deps, store }, { head: payload.head, attempts: store.attempts, own: null, trouble: INTERRUPTED });
  return store.outcome ?? unreachable();
}

async function walk(deps: Omit<EngineDeps, 'belt'>, { payload, signal, passOn }: DirectRun): Promise<'ended' | 'passed on'> {
  let next: GenerateJobPayload | null = payload;
  let passedOn = false;
  const goOn = async (later: GenerateJobPayload): Promise<void> => {
    passedOn = await passOn(later);
    if (!passedOn) next = later;
  };
  while (next) {
    const current: GenerateJobPayload = next;
    next = null;
    const result = await attempt({ ...deps, belt: { enqueue: goOn } }, current, signal);
    if (result.kind !== 'later') continue;
    // A hang-up ends the wait; what follows from it is attempt's to say.
    await sleep(Math.max(0, result.at - Date.now()), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) next = current;
    else await goOn(current);
  }
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- set within the calls above
  return passedOn ? 'passed on' : 'ended';
}

function unreachable(): never {
  throw new Error('a finished request has an outcome');
}
