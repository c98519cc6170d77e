/** Writing down that a call is about to be made, before it is. */
import type { LaneResult } from '@llm-gateway/queue';
import type { UsageAttempt } from '@llm-gateway/shared';
import type { Trouble } from '../finish/outcome-of.js';
import { openAttempt } from './attempt-row.js';
import { giveUp, moveOn } from './next-step.js';
import type { Run } from './run.js';

export const CANCELLED: Trouble = { code: 'cancelled', message: 'the request was cancelled' };

/** Why no call is to be made: the request has ended, is cancelled, or has moved to a later lane. */
export type NotOpened = 'done' | 'cancelled' | 'superseded';

/** @returns the attempts so far with the new one last; or why none was opened. */
export async function open({ deps, payload, provider, model }: Run, limiterMs: number): Promise<UsageAttempt[] | NotOpened> {
  const { request, head, hop } = payload;
  const base = { requestId: head.id, provider: provider.config, model, request, limiterMs, worker: deps.instanceId };
  let earlier: UsageAttempt[] = [];
  for (;;) {
    const row = openAttempt({ ...base, number: earlier.length + 1 });
    const reply = await deps.store.openAttempt(head.id, hop, row);
    if (reply.kind === 'opened') return [...earlier, row];
    if (reply.kind !== 'behind') return reply.kind;
    // Sent twice by a connection that broke in between: it is ours that stands there.
    if (reply.attempts.at(-1)?.id === row.id) return reply.attempts;
    earlier = reply.attempts;
  }
}

export async function withoutCall({ deps, payload, provider }: Run, why: NotOpened, probe: boolean): Promise<LaneResult> {
  if (probe) await deps.lanes.probeInconclusive(provider.config.name);
  if (why === 'cancelled') return giveUp(deps, payload, CANCELLED);
  return why === 'done' ? { kind: 'answered' } : moveOn(deps, payload);
}
