/**
 * One stay of a request on one provider's lane: deadline left? → limiter slot → lane healthy? and attempt opened → provider
 * call → attempt closed with tokens and price → answered, again later, on to the next candidate, or given up.
 *
 * Think of every line as the last one that this process executes: the job runs again elsewhere, finds the attempt opened
 * here, and goes on behind it.
 */
import { laneOf, type GenerateJobPayload, type LaneCheck, type LaneResult } from '@llm-gateway/queue';
import type { UsageAttempt } from '@llm-gateway/shared';
import type { EngineDeps } from '../deps.js';
import type { Trouble } from '../finish/outcome-of.js';
import { estimateInput } from './attempt-row.js';
import { giveUp, leaveLane, whenLaneIsBlocked } from './next-step.js';
import { CANCELLED, open, withoutCall } from './open-attempt.js';
import type { Run } from './run.js';
import { callAndSettle, type Settled } from './settle.js';

/** A slot outlives its call by this before it counts as lost with its process. */
const SLOT_SLACK_MS = 5_000;

/** Does a job's work. @param signal aborts when the request is cancelled. @throws only where Redis is out of reach: the job then runs again. */
export async function attempt(deps: EngineDeps, payload: GenerateJobPayload, signal: AbortSignal): Promise<LaneResult> {
  const lane = laneOf(payload);
  const tooLate = overBefore(payload, signal);
  if (tooLate) return giveUp(deps, payload, tooLate);
  const provider = deps.providers.get(lane.provider);
  if (!provider) return leaveLane(deps, payload, `provider ${lane.provider} is no longer there or disabled`);
  const run: Run = { deps, payload, provider, model: lane.model, signal };

  const { name } = provider.config;
  const askedAt = Date.now();
  // Asked only before a wait for a slot, which may be long: a lane with an open circuit is left at once.
  const pointless = () => deps.lanes.isOpen(name);
  const admission = await deps.limiter.admit(name, provider.config, { ...slotFor(run), signal, pointless });
  const limiterMs = Date.now() - askedAt;
  if (admission.kind === 'never') return leaveLane(deps, payload, `the request is larger than the tpm_limit of ${lane.provider}`);
  if (admission.kind === 'wait') return withoutSlot(run, admission.untilMs);
  let made: Pick<Settled, 'usedTokens' | 'calls'> | null = null;
  try {
    // The wait for the slot may have taken all the time there was.
    const overMeanwhile = overBefore(payload, signal);
    if (overMeanwhile) return await giveUp(deps, payload, overMeanwhile);
    // In one round trip. A lane that turns out to be blocked is the exception: then the attempt is taken back.
    const [health, attempts] = await Promise.all([deps.lanes.check(name), open(run, limiterMs)]);
    if (typeof attempts === 'string') return await withoutCall(run, attempts, health.kind === 'go' && health.probe);
    if (health.kind !== 'go') return await withdraw(run, attempts, health);
    const settled = await callAndSettle(run, attempts, health);
    made = settled;
    return settled.lane;
  } finally {
    admission.permit.release(made?.usedTokens ?? null, made?.calls);
  }
}

/**
 * The lane is blocked, so the attempt that was opened is no call. Where this process does not live to take it back it stays as one that was
 * abandoned, as it would between any opening and its call.
 */
async function withdraw(run: Run, attempts: UsageAttempt[], health: Exclude<LaneCheck, { kind: 'go' }>): Promise<LaneResult> {
  const { deps, payload } = run;
  await deps.store.withdrawAttempt(payload.head.id, attempts.at(-1) as UsageAttempt);
  if (health.kind === 'paused') return whenLaneIsBlocked(run, health.until, 'it asked to be left alone');
  return leaveLane(deps, payload, circuitOpen(run));
}

async function withoutSlot(run: Run, untilMs: number): Promise<LaneResult> {
  const { deps, payload, provider, signal } = run;
  if (signal.aborted) return giveUp(deps, payload, CANCELLED);
  if (await deps.lanes.isOpen(provider.config.name)) return leaveLane(deps, payload, circuitOpen(run));
  return whenLaneIsBlocked(run, untilMs, 'its limits are used up');
}

function slotFor({ payload: { head, request }, provider: { config } }: Run) {
  const longestCallMs = Math.min(head.deadline - Date.now(), config.timeoutMs ?? Infinity) + SLOT_SLACK_MS;
  return { weight: estimateInput(request) + (request.max_tokens ?? 0), deadline: head.deadline, longestCallMs };
}

const circuitOpen = ({ provider }: Run): string => `the circuit of ${provider.config.name} is open`;

/** @returns why no call is to be made any more; null while one is. */
function overBefore({ head, request }: GenerateJobPayload, signal: AbortSignal): Trouble | null {
  if (signal.aborted) return CANCELLED;
  if (head.deadline > Date.now()) return null;
  return { code: 'timeout', message: `the request's deadline of ${request.timeout_ms} ms passed` };
}
