/**
 * Direct mode: one request carried out in this process from its first lane to its last, by {@link attempt}, the worker's own
 * rules. What a worker puts back into a queue is done here in turn.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { GenerateJobPayload, Outcome } from '@llm-gateway/queue';
import { attempt } from '../attempt/attempt.js';
import type { EngineDeps } from '../deps.js';
import { finishFailed } from '../finish/finish.js';
import type { Trouble } from '../finish/outcome-of.js';
import { DirectStore, type DirectStoreOptions } from './direct-store.js';

export interface DirectRun extends Pick<DirectStoreOptions, 'signal' | 'spool' | 'shared'> {
  payload: GenerateJobPayload;
}

const INTERRUPTED: Trouble = {
  code: 'unavailable',
  message: 'the gateway could not carry out the request, try again',
  retryAfterMs: 1_000,
};

/** @returns how the request ended, which is recorded by then; within its deadline. Never rejects. */
export async function carryOut(deps: Omit<EngineDeps, 'store' | 'belt'>, run: DirectRun): Promise<Outcome> {
  const { payload, shared } = run;
  const { id } = payload.head;
  const store = new DirectStore({ ...run, head: payload.head, logger: deps.logger });
  try {
    await walk({ ...deps, store }, run);
    // Where it was over before it began, its outcome is another run's.
    const ended = store.outcome ?? (await shared?.outcomes([id]))?.get(id);
    if (ended) return ended;
  } catch (error) {
    deps.logger.error({ err: error, requestId: id }, 'a request could not be carried out to its end');
  }
  await finishFailed({ ...deps, store }, { head: payload.head, attempts: store.attempts, own: null, trouble: INTERRUPTED });
  return store.outcome ?? unreachable();
}

async function walk(deps: Omit<EngineDeps, 'belt'>, { payload, signal }: DirectRun): Promise<void> {
  let next: GenerateJobPayload | null = payload;
  const belt: EngineDeps['belt'] = {
    enqueue: (moved) => {
      next = moved;
      return Promise.resolve();
    },
  };
  while (next) {
    const current: GenerateJobPayload = next;
    next = null;
    const result = await attempt({ ...deps, belt }, current, signal);
    if (result.kind !== 'later') continue;
    // A hang-up ends the wait; what follows from it is attempt's to say.
    await sleep(Math.max(0, result.at - Date.now()), undefined, { signal }).catch(() => undefined);
    next = current;
  }
}

function unreachable(): never {
  throw new Error('a finished request has an outcome');
}
