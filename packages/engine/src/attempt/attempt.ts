/**
 * One stay of a request on one provider's lane: deadline left? → limiter slot → lane healthy? → attempt opened → provider
 * call → attempt closed with tokens and price → answered, again later, on to the next candidate, or given up.
 *
 * Think of every line as the last one that this process executes: the job runs again elsewhere, finds the attempt opened
 * here, and goes on behind it.
 */
import { laneOf, type GenerateJobPayload, type LaneResult } from '@llm-gateway/queue';
import { inputTokens, ProviderError, type UsageAttempt } from '@llm-gateway/shared';
import type { EngineDeps } from '../deps.js';
import { finish, finishFailed, keepFor } from '../finish/finish.js';
import { okOutcome, type Trouble } from '../finish/outcome-of.js';
import type { ReadyProvider } from '../provider-pool.js';
import { closeFailed, closeOk, estimateInput, openAttempt } from './attempt-row.js';
import { callProvider } from './call-provider.js';
import { afterFailure, pauseMs, whenBlocked, type Decision } from './decide.js';
import { reportHealth } from './report-health.js';

/** A lane that was blocked is entered again a little apart, so that its jobs do not come back as one. */
const SPREAD_MS = 100;

/** One job on its way through {@link attempt}. */
interface Run {
  deps: EngineDeps;
  payload: GenerateJobPayload;
  provider: ReadyProvider;
  model: string;
  signal: AbortSignal;
}

/** Does a job's work. @param signal aborts when the request is cancelled. @throws only where Redis is out of reach: the job then runs again. */
export async function attempt(deps: EngineDeps, payload: GenerateJobPayload, signal: AbortSignal): Promise<LaneResult> {
  const lane = laneOf(payload);
  if (signal.aborted) return giveUp(deps, payload, { code: 'cancelled', message: 'the request was cancelled' });
  if (payload.head.deadline <= Date.now()) return giveUp(deps, payload, pastDeadline(payload));
  const provider = deps.providers.get(lane.provider);
  if (!provider) return obey(deps, payload, nextOrNone(payload), `provider ${lane.provider} is no longer there or disabled`);
  const run: Run = { deps, payload, provider, model: lane.model, signal };

  const askedAt = Date.now();
  const weight = estimateInput(payload.request) + (payload.request.max_tokens ?? 0);
  const admission = await deps.limiter.admit(provider.config.name, provider.config, limitCall(run, weight));
  if (admission.kind === 'wait') return blocked(run, admission.untilMs, 'its limits are used up');
  let used: number | null = null;
  try {
    const health = await deps.lanes.check(provider.config.name);
    if (health.kind === 'paused') return await blocked(run, health.until, 'it asked to be left alone');
    if (health.kind === 'open')
      return await obey(deps, payload, nextOrNone(payload), `the circuit of ${provider.config.name} is open`);
    const before = await open(run, Date.now() - askedAt);
    if (typeof before === 'string') {
      if (health.probe) await deps.lanes.probeInconclusive(provider.config.name);
      return before === 'done' ? { kind: 'answered' } : await moveOn(deps, payload);
    }
    const result = await callAndSettle(run, before, health);
    used = result.usedTokens;
    return result.lane;
  } finally {
    admission.permit.release(used);
  }
}

const limitCall = ({ payload, provider }: Run, weight: number) => ({
  weight,
  deadline: payload.head.deadline,
  longestCallMs: Math.min(payload.head.deadline - Date.now(), provider.config.timeoutMs ?? Infinity) + 5_000,
});

/** @returns the attempts so far with the new one last; or why none was opened. */
async function open({ deps, payload, provider, model }: Run, limiterMs: number): Promise<UsageAttempt[] | 'done' | 'superseded'> {
  const { request, head, hop } = payload;
  let earlier: UsageAttempt[] = [];
  for (;;) {
    const number = earlier.length + 1;
    const row = openAttempt({
      requestId: head.id,
      number,
      provider: provider.config,
      model,
      request,
      limiterMs,
      worker: deps.instanceId,
    });
    const reply = await deps.store.openAttempt(head.id, hop, row);
    if (reply.kind === 'opened') return [...earlier, row];
    if (reply.kind !== 'behind') return reply.kind;
    // Sent twice by a connection that broke in between: it is ours that stands there.
    if (reply.attempts.at(-1)?.id === row.id) return reply.attempts;
    earlier = reply.attempts;
  }
}

interface Settled {
  lane: LaneResult;
  /** What the call used of the tokens a minute. */
  usedTokens: number;
}

async function callAndSettle(
  run: Run,
  attempts: UsageAttempt[],
  health: { probe: boolean; hadFailures: boolean },
): Promise<Settled> {
  const { deps, payload, provider, model, signal } = run;
  const earlier = attempts.slice(0, -1);
  const opened = attempts.at(-1) as UsageAttempt;
  const answer = await callProvider(provider, { request: payload.request, model, deadline: payload.head.deadline, signal });
  await reportHealth(deps.lanes, provider.config.name, answer, health);
  if (answer instanceof ProviderError) return settleFailure(run, [...earlier, closeFailed(opened, answer)], answer);

  const closed = closeOk(opened, provider.config, answer);
  const all = [...earlier, closed];
  const outcome = okOutcome(payload.head, all, answer);
  const keep = keepFor(payload, provider.config, outcome);
  await finish(deps, { head: payload.head, attempts: all, outcome, own: closed, cacheStatus: payload.head.cacheStatus, keep });
  return { lane: { kind: 'answered' }, usedTokens: inputTokens(closed.tokens) + closed.tokens.output };
}

async function settleFailure(run: Run, attempts: UsageAttempt[], error: ProviderError): Promise<Settled> {
  const { deps, payload, provider } = run;
  const closed = attempts.at(-1) as UsageAttempt;
  const callsHere = attempts.filter((row) => row.provider === provider.config.name && row.status === 'error').length;
  const { fault, retryAfterMs } = error;
  if (fault === 'rate_limited') await deps.lanes.pause(provider.config.name, Date.now() + pauseMs({ retryAfterMs, callsHere }));
  const { maxRetries } = provider.config;
  const decision = afterFailure({
    ...situation(payload),
    fault,
    retryAfterMs,
    callsHere,
    callsTotal: attempts.length,
    maxRetries,
  });
  const usedTokens = closed.estimated ? inputTokens(closed.tokens) : 0;
  const log = {
    requestId: payload.head.id,
    provider: provider.config.name,
    fault,
    status: error.httpStatus,
    decision: decision.kind,
  };
  deps.logger.info(log, 'provider call failed');
  if (decision.kind !== 'give_up') {
    await deps.store.closeAttempt(payload.head.id, closed, payload.hop);
    return { lane: await obey(deps, payload, decision, error.message), usedTokens };
  }
  const trouble = {
    code: decision.code,
    message: troubleMessage(decision.code, attempts.length),
    retryAfterMs: decision.retryAfterMs,
  };
  return { lane: await giveUp(deps, payload, trouble, { attempts, own: closed }), usedTokens };
}

const situation = ({ head, hop, candidates }: GenerateJobPayload) => ({
  now: Date.now(),
  deadline: head.deadline,
  hasNext: hop + 1 < candidates.length,
});

const blocked = (run: Run, until: number, why: string): Promise<LaneResult> =>
  obey(
    run.deps,
    run.payload,
    whenBlocked({ ...situation(run.payload), until }),
    `${run.provider.config.name} cannot be used yet: ${why}`,
  );

const nextOrNone = (payload: GenerateJobPayload): Decision =>
  situation(payload).hasNext ? { kind: 'next' } : { kind: 'give_up', code: 'provider_error' };

async function obey(deps: EngineDeps, payload: GenerateJobPayload, decision: Decision, why: string): Promise<LaneResult> {
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
async function moveOn(deps: EngineDeps, payload: GenerateJobPayload): Promise<LaneResult> {
  const next = { ...payload, hop: payload.hop + 1 };
  await deps.store.moveTo(payload.head.id, next.hop);
  await deps.belt.enqueue(next);
  return { kind: 'moved' };
}

async function giveUp(
  deps: EngineDeps,
  payload: GenerateJobPayload,
  trouble: Trouble,
  made?: { attempts: UsageAttempt[]; own: UsageAttempt },
): Promise<LaneResult> {
  const { head, request, candidates } = payload;
  const attempts = made?.attempts ?? (await deps.store.read(head.id))?.attempts ?? [];
  await finishFailed(deps, { head, attempts, own: made?.own ?? null, trouble, stale: { request, candidates } });
  return { kind: 'failed', message: `${trouble.code}: ${trouble.message}` };
}

const pastDeadline = ({ head }: GenerateJobPayload): Trouble => ({
  code: 'timeout',
  message: `the request's deadline of ${head.deadline - head.createdAt} ms passed`,
});

function troubleMessage(code: Trouble['code'], calls: number): string {
  if (code === 'cancelled') return 'the request was cancelled';
  if (code === 'timeout') return "the request's deadline passed before a provider answered";
  if (code === 'rate_limited') return 'the provider limits its rate, and the wait would pass the deadline';
  return `no provider answered: ${calls} ${calls === 1 ? 'call' : 'calls'} failed, see details`;
}
