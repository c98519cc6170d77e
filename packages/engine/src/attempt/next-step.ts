/** Carrying out what was decided: the job comes back later, moves on to its next candidate, or its request is given up. */
import type { GenerateJobPayload, LaneResult } from '@llm-gateway/queue';
import type { UsageAttempt } from '@llm-gateway/shared';
import type { EngineDeps } from '../deps.js';
import { finishFailed } from '../finish/finish.js';
import type { Trouble } from '../finish/outcome-of.js';
import { whenBlocked, type Decision } from './decide.js';
import { situationOf, type Run } from './run.js';

/** A lane that was blocked is entered again a little apart, so that its jobs do not come back as one. */
const SPREAD_MS = 100;

/** The lane cannot be used before `until` (epoch ms). */
export function whenLaneIsBlocked({ deps, payload, provider }: Run, until: number, why: string): Promise<LaneResult> {
  return obey(
    deps,
    payload,
    whenBlocked({ ...situationOf(payload), until }),
    `${provider.config.name} cannot be used yet: ${why}`,
  );
}

/** The lane is of no use: the next candidate's turn, if there is one. */
export function leaveLane(deps: EngineDeps, payload: GenerateJobPayload, why: string): Promise<LaneResult> {
  return obey(deps, payload, situationOf(payload).hasNext ? { kind: 'next' } : { kind: 'give_up', code: 'provider_error' }, why);
}

export async function obey(deps: EngineDeps, payload: GenerateJobPayload, decision: Decision, why: string): Promise<LaneResult> {
  if (decision.kind === 'again') return { kind: 'later', at: Math.ceil(decision.at + Math.random() * SPREAD_MS) };
  if (decision.kind === 'next') return moveOn(deps, payload);
  const { code, retryAfterMs } = decision;
  return giveUp(deps, payload, {
    code,
    message: code === 'rate_limited' ? `the wait would pass the deadline: ${why}` : why,
    retryAfterMs,
  });
}

/** First the request's own state says where it goes, then it goes: a repeat of either step changes nothing. */
export async function moveOn(deps: EngineDeps, payload: GenerateJobPayload): Promise<LaneResult> {
  const next = { ...payload, hop: payload.hop + 1 };
  await deps.store.moveTo(payload.head.id, next.hop);
  await deps.belt.enqueue(next);
  return { kind: 'moved' };
}

/** Ends the request. @param made the attempts, where this process knows them; its own last. */
export async function giveUp(
  deps: EngineDeps,
  payload: GenerateJobPayload,
  trouble: Trouble,
  made?: { attempts: UsageAttempt[]; own: UsageAttempt },
): Promise<LaneResult> {
  const { head, request, candidates } = payload;
  const attempts = made?.attempts ?? (await deps.store.read(head.id))?.attempts ?? [];
  const failed = { head, attempts, own: made?.own ?? null, trouble, stale: { request, candidates } };
  const { answered } = await finishFailed(deps, failed);
  return answered ? { kind: 'answered' } : { kind: 'failed', message: `${trouble.code}: ${trouble.message}` };
}
