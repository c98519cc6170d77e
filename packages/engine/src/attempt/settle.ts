/** The provider call of an opened attempt, and what follows from its answer or its failure. */
import type { Provider } from '@llm-gateway/providers';
import type { LaneResult } from '@llm-gateway/queue';
import { inputTokens, ProviderError, type UsageAttempt } from '@llm-gateway/shared';
import { finish, keepFor } from '../finish/finish.js';
import { okOutcome, type Trouble } from '../finish/outcome-of.js';
import { countAttempt } from '../metrics/attempt-metrics.js';
import { closeFailed, closeOk } from './attempt-row.js';
import { callProvider } from './call-provider.js';
import { afterFailure, MAX_ATTEMPTS, pauseMs } from './decide.js';
import { giveUp, obey } from './next-step.js';
import { open, withoutCall } from './open-attempt.js';
import { reportHealth } from './report-health.js';
import { situationOf, type Run } from './run.js';

/** A provider that is silent for this long is not well. */
const FAIR_CALL_MS = 10_000;
/** Timers and the clock round differently. */
const CLOCK_SLACK_MS = 20;

export interface Settled {
  lane: LaneResult;
  /** What the call used of the tokens a minute. */
  usedTokens: number;
  /** Calls made to the provider: two where its one key was refused, and the other asked. */
  calls: number;
}

interface LaneState {
  probe: boolean;
  hadFailures: boolean;
}

/** @param attempts the request's, the opened one last. */
export async function callAndSettle(run: Run, attempts: UsageAttempt[], health: LaneState): Promise<Settled> {
  const { deps, payload, provider, model, signal } = run;
  const earlier = attempts.slice(0, -1);
  const opened = attempts.at(-1) as UsageAttempt;
  const startedAt = Date.now();
  const answer = await callProvider(provider, { request: payload.request, model, deadline: payload.head.deadline, signal });
  const fair = Date.now() - startedAt + CLOCK_SLACK_MS >= Math.min(provider.config.timeoutMs ?? FAIR_CALL_MS, FAIR_CALL_MS);
  if (isRefusedKey(answer) && provider.spare && attempts.length < MAX_ATTEMPTS)
    return callWithSpareKey(run, provider.spare, closeFailed(opened, answer), health);
  await reportHealth(deps.lanes, provider.config.name, answer, { ...health, fair });
  if (answer instanceof ProviderError) return settleFailure(run, [...earlier, closeFailed(opened, answer)], answer);

  const closed = closeOk(opened, provider.config, answer);
  countAttempt(closed);
  const all = [...earlier, closed];
  const outcome = okOutcome(payload.head, all, answer);
  const keep = keepFor(payload, provider.config, outcome);
  await finish(deps, { head: payload.head, attempts: all, outcome, own: closed, cacheStatus: payload.head.cacheStatus, keep });
  return { lane: { kind: 'answered' }, usedTokens: inputTokens(closed.tokens) + closed.tokens.output, calls: 1 };
}

const isRefusedKey = (answer: unknown): answer is ProviderError => answer instanceof ProviderError && answer.fault === 'auth';

/**
 * The vendor refuses a key while another is good for this provider, see `rotate-key`: the call is made again at once with that one. It is a
 * call of its own, with a row of its own. The lane is not to blame as long as one of its keys works.
 */
async function callWithSpareKey(run: Run, spare: Provider, refused: UsageAttempt, health: LaneState): Promise<Settled> {
  const { deps, payload, provider } = run;
  deps.logger.warn({ requestId: refused.requestId, provider: provider.config.name }, 'key refused, calling with the other key');
  deps.providers.keyRefused(provider);
  countAttempt(refused);
  await deps.store.closeAttempt(payload.head.id, refused, payload.hop);
  const again: Run = { ...run, provider: { ...provider, client: spare, spare: null } };
  const attempts = await open(again, 0);
  if (typeof attempts === 'string') return { lane: await withoutCall(again, attempts, health.probe), usedTokens: 0, calls: 1 };
  const settled = await callAndSettle(again, attempts, health);
  return { ...settled, calls: settled.calls + 1 };
}

async function settleFailure({ deps, payload, provider }: Run, attempts: UsageAttempt[], error: ProviderError): Promise<Settled> {
  const { fault, retryAfterMs, httpStatus } = error;
  const { name, maxRetries } = provider.config;
  const closed = attempts.at(-1) as UsageAttempt;
  countAttempt(closed);
  // A refused key that another has stood in for is none of the retries.
  const failedHere = attempts.filter((row) => row.provider === name && row.status === 'error');
  const callsHere = failedHere.filter((row) => row === closed || row.error !== 'auth').length;
  if (fault === 'rate_limited') await deps.lanes.pause(name, Date.now() + pauseMs({ retryAfterMs, callsHere }));
  const decision = afterFailure({
    ...situationOf(payload),
    fault,
    retryAfterMs,
    callsHere,
    callsTotal: attempts.length,
    maxRetries,
  });
  deps.logger.info(
    { requestId: payload.head.id, provider: name, fault, httpStatus, decision: decision.kind },
    'provider call failed',
  );
  const usedTokens = closed.estimated ? inputTokens(closed.tokens) : 0;
  if (decision.kind !== 'give_up') {
    await deps.store.closeAttempt(payload.head.id, closed, payload.hop);
    return { lane: await obey(deps, payload, decision, error.message), usedTokens, calls: 1 };
  }
  const trouble = {
    code: decision.code,
    message: troubleMessage(decision.code, attempts.length),
    retryAfterMs: decision.retryAfterMs,
  };
  return { lane: await giveUp(deps, payload, trouble, { attempts, own: closed }), usedTokens, calls: 1 };
}

function troubleMessage(code: Trouble['code'], calls: number): string {
  if (code === 'cancelled') return 'the request was cancelled';
  if (code === 'timeout') return "the request's deadline passed before a provider answered";
  if (code === 'rate_limited') return 'the provider limits its rate, and the wait would pass the deadline';
  return `no provider answered: ${calls} ${calls === 1 ? 'call' : 'calls'} failed, see details`;
}
