import { describe, expect, it } from '@jest/globals';
import type { ProviderFault } from '@llm-gateway/shared';
import { afterFailure, MAX_ATTEMPTS, whenBlocked, type Failure } from '../src/attempt/decide.js';

const NOW = 1_000_000;
const failure = (overrides: Partial<Failure>): Failure => ({
  now: NOW,
  deadline: NOW + 60_000,
  hasNext: true,
  fault: 'server_error',
  retryAfterMs: undefined,
  callsHere: 1,
  callsTotal: 1,
  maxRetries: 1,
  ...overrides,
});

describe('after a failed call', () => {
  const cases: [string, Partial<Failure>, string][] = [
    ['a passing fault is tried again on the same provider', {}, 'again'],
    ['with its retries used up, the next candidate is asked', { callsHere: 2, callsTotal: 2 }, 'next'],
    ['with no retries allowed, the next candidate is asked at once', { maxRetries: 0 }, 'next'],
    ['with nobody left, it is given up', { callsHere: 2, hasNext: false }, 'give_up'],
    ['a refused key is not tried again, but the next candidate is', { fault: 'auth' }, 'next'],
    ['a request that the provider rejects fails at once', { fault: 'invalid_request' }, 'give_up'],
    ['a model that is not there fails at once', { fault: 'not_found' }, 'give_up'],
    ['a filtered prompt fails at once', { fault: 'content_filter' }, 'give_up'],
    ['a cancelled request is over', { fault: 'aborted' }, 'give_up'],
    ["the total of calls is the request's, not each lane's", { callsTotal: MAX_ATTEMPTS }, 'give_up'],
    ['a 429 with a short pause is waited for', { fault: 'rate_limited', retryAfterMs: 1_000 }, 'again'],
    ['a 429 with a long pause moves on', { fault: 'rate_limited', retryAfterMs: 5_000 }, 'next'],
    [
      'a 429 with a long pause and nobody else is waited for',
      { fault: 'rate_limited', retryAfterMs: 5_000, hasNext: false },
      'again',
    ],
    ['a 429 does not use up retries', { fault: 'rate_limited', retryAfterMs: 100, callsHere: 5, maxRetries: 0 }, 'again'],
    ['no second call is begun that cannot end in time', { deadline: NOW + 100, hasNext: false }, 'give_up'],
  ];
  it.each(cases)('%s', (_promise, overrides, kind) => {
    expect(afterFailure(failure(overrides)).kind).toBe(kind);
  });

  it('waits as long as the vendor asked, and no shorter', () => {
    expect(afterFailure(failure({ fault: 'rate_limited', retryAfterMs: 1_500 }))).toEqual({ kind: 'again', at: NOW + 1_500 });
    const overloaded = afterFailure(failure({ fault: 'overloaded', retryAfterMs: 1_500 }));
    expect(overloaded).toEqual({ kind: 'again', at: NOW + 1_500 });
  });

  it.each<[Partial<Failure>, string]>([
    [{ fault: 'aborted' }, 'cancelled'],
    [{ fault: 'rate_limited', retryAfterMs: 90_000, hasNext: false }, 'rate_limited'],
    [{ fault: 'timeout', deadline: NOW, hasNext: false }, 'timeout'],
    [{ fault: 'timeout', callsHere: 2, hasNext: false }, 'provider_error'],
    [{ fault: 'invalid_request' }, 'provider_error'],
  ])('gives up %j with the code %s', (overrides, code) => {
    expect(afterFailure(failure(overrides))).toMatchObject({ kind: 'give_up', code });
  });
});

describe('before a blocked lane', () => {
  const at = (wait: number, more: { hasNext?: boolean; deadline?: number } = {}) =>
    whenBlocked({ now: NOW, deadline: NOW + 10_000, hasNext: false, until: NOW + wait, ...more });
  it('a request waits where its deadline allows, moves on where the wait is long, and else says when to come back', () => {
    expect(at(5_000)).toEqual({ kind: 'again', at: NOW + 5_000 });
    expect(at(5_000, { hasNext: true })).toEqual({ kind: 'next' });
    expect(at(1_000, { hasNext: true })).toEqual({ kind: 'again', at: NOW + 1_000 });
    expect(at(1_000, { hasNext: true, deadline: NOW + 500 })).toEqual({ kind: 'next' });
    expect(at(30_000)).toEqual({ kind: 'give_up', code: 'rate_limited', retryAfterMs: 30_000 });
  });
});

it('every fault has a decision', () => {
  const faults: ProviderFault[] = [
    'rate_limited',
    'overloaded',
    'server_error',
    'network',
    'timeout',
    'bad_response',
    'conflict',
    'auth',
  ];
  for (const fault of faults) expect(afterFailure(failure({ fault, callsHere: 9 })).kind).not.toBe('give_up');
});
