/** What happens to a request after a failed call. Pure: the one place where retries, fallbacks and giving up are decided. */
import { PROVIDER_FAULTS, type ErrorCode, type ProviderFault } from '@llm-gateway/shared';

/** All calls of one request together, over all its lanes. */
export const MAX_ATTEMPTS = 10;
/** A lane that is blocked for longer than this is left, where there is another candidate. */
export const LONG_WAIT_MS = 2_000;
/** A call that is started with less time than this cannot end well. */
const SHORTEST_CALL_MS = 50;
const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 5_000;
/** A 429 that names no time: as the vendors' own SDKs begin. */
const DEFAULT_PAUSE_MS = 1_000;

export type Decision =
  { kind: 'again'; at: number } | { kind: 'next' } | { kind: 'give_up'; code: ErrorCode; retryAfterMs?: number };

export interface Situation {
  now: number;
  deadline: number;
  /** Is there a further candidate? */
  hasNext: boolean;
}

export interface Failure extends Situation {
  fault: ProviderFault;
  retryAfterMs: number | undefined;
  /** Calls to this provider so far, the failed one included. */
  callsHere: number;
  callsTotal: number;
  maxRetries: number;
}

export function afterFailure(failure: Failure): Decision {
  const { fault, now, deadline, callsHere, callsTotal } = failure;
  const rule = PROVIDER_FAULTS[fault];
  if (fault === 'aborted') return { kind: 'give_up', code: 'cancelled' };
  if (callsTotal >= MAX_ATTEMPTS) return giveUp(failure);
  if (fault === 'rate_limited') return whenBlocked({ ...failure, until: now + pauseMs(failure) });
  if (rule.retry && callsHere <= failure.maxRetries) {
    const at = now + Math.max(backoffMs(callsHere), failure.retryAfterMs ?? 0);
    if (at + SHORTEST_CALL_MS < deadline && !(failure.hasNext && at - now > LONG_WAIT_MS)) return { kind: 'again', at };
  }
  if (rule.fallback && failure.hasNext && now + SHORTEST_CALL_MS < deadline) return { kind: 'next' };
  return giveUp(failure);
}

/** The lane cannot be used before `until`: paused by its vendor, or its limits are used up. */
export function whenBlocked({ until, now, deadline, hasNext }: Situation & { until: number }): Decision {
  if (hasNext && until - now > LONG_WAIT_MS) return { kind: 'next' };
  if (until + SHORTEST_CALL_MS < deadline) return { kind: 'again', at: until };
  if (hasNext) return { kind: 'next' };
  return { kind: 'give_up', code: 'rate_limited', retryAfterMs: Math.max(until - now, 1_000) };
}

/** What a vendor's 429 asks of everybody. */
export const pauseMs = ({ retryAfterMs, callsHere }: Pick<Failure, 'retryAfterMs' | 'callsHere'>): number =>
  retryAfterMs ?? DEFAULT_PAUSE_MS * 2 ** Math.min(callsHere - 1, 5);

/** Exponential, with full jitter over its upper half. */
function backoffMs(callsHere: number): number {
  const ceiling = Math.min(FIRST_BACKOFF_MS * 2 ** (callsHere - 1), LONGEST_BACKOFF_MS);
  return ceiling / 2 + Math.random() * (ceiling / 2);
}

function giveUp({ now, deadline, fault }: Failure): Decision {
  const late = fault === 'timeout' && now + SHORTEST_CALL_MS >= deadline;
  return { kind: 'give_up', code: late ? 'timeout' : 'provider_error' };
}
