import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { parseEncryptionKeys } from '@llm-gateway/db';
import { parseEgressAllow } from '@llm-gateway/providers';
import {
  BudgetLedger,
  Flights,
  RequestStore,
  ResponseCache,
  UsageReader,
  type Redis,
  type RequestHead,
} from '@llm-gateway/queue';
import { newAttemptId, newRequestId, NO_TOKENS, type UsageAttempt, type UsageEvent } from '@llm-gateway/shared';
import { BudgetBook, ProviderPool, startReaper } from '../src/index.js';
import { logger, startHarness, unreachableDatabase, until, type Harness } from './harness.js';

let harness: Harness;
let redis: Redis;
let store: RequestStore;
let flights: Flights;
let reader: UsageReader;
let database: Awaited<ReturnType<typeof unreachableDatabase>>;
const stops: (() => void)[] = [];

beforeAll(async () => {
  harness = await startHarness();
  redis = await harness.client();
  database = await unreachableDatabase();
  store = new RequestStore(redis);
  flights = new Flights(redis);
  reader = new UsageReader(await harness.client(), 'test', logger);
  await reader.prepare();
});
afterAll(() => Promise.all([harness.close(), database.close()]));
// The reaper's timer alone: connections need the real clock.
beforeEach(() => {
  const real = ['Date', 'setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'nextTick', 'queueMicrotask'] as const;
  jest.useFakeTimers({ doNotFake: [...real, 'performance', 'hrtime'] });
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  jest.useRealTimers();
});

async function reaper(): Promise<void> {
  const own = await harness.client();
  const options = {
    encryptionKeys: parseEncryptionKeys(`k1:${randomBytes(32).toString('base64')}`),
    egressAllow: parseEgressAllow(''),
  };
  const current = () => ({ version: 1, providers: [], overrides: [], budgets: [], unreadable: [] });
  const providers = new ProviderPool({ current, ...options });
  const { db } = database;
  const budgets = new BudgetBook({ ledger: new BudgetLedger(own), db, current });
  const shared = { budgets, cache: new ResponseCache(own), cacheInOrder: true, logger, providers };
  stops.push(startReaper({ store: new RequestStore(own), flights: new Flights(own), ...shared }, () => true));
}

/** One round of every reaper. */
const tick = () => jest.advanceTimersByTime(5_000);

/** @param endedMsAgo how long its deadline is past. A request is given up 30 s after it, for its job may still be run again. */
const head = (endedMsAgo: number): RequestHead => ({
  id: newRequestId(),
  createdAt: Date.now() - endedMsAgo - 10_000,
  deadline: Date.now() - endedMsAgo,
  service: 'blog',
  customerId: 'acme',
  keyId: null,
  metadata: { page: '7' },
  replyTo: null,
  flight: null,
  cacheStatus: 'MISS',
  cache: null,
  resultTtlSeconds: 60,
  priority: 5,
  cancellable: true,
  lanes: ['openai-main'],
  relatedTo: null,
});

const attemptOf = (requestId: string): UsageAttempt => ({
  id: newAttemptId(Date.now()),
  requestId,
  createdAt: Date.now(),
  number: 1,
  provider: 'openai-main',
  providerType: 'openai',
  model: 'gpt-4o-mini',
  servedModel: null,
  status: 'abandoned',
  error: 'abandoned',
  errorMessage: null,
  httpStatus: null,
  vendorRequestId: null,
  tokens: { ...NO_TOKENS, uncachedInput: 10 },
  estimated: true,
  costNanoUsd: 1_500,
  unpricedReason: null,
  priceVersion: null,
  latencyMs: 0,
  limiterMs: 0,
  worker: 'killed',
});

/** @returns all events that are in the streams, and takes them out. */
async function events(): Promise<UsageEvent[]> {
  const entries = await reader.read(100, 10);
  await reader.acknowledge(entries);
  return entries.length === 0 ? [] : [...entries.map(({ event }) => event), ...(await events())];
}
const ended = async (id: string) => (await store.outcomes([id])).get(id);

describe('the reaper', () => {
  it('ends a request that nobody finished once, as a timeout, with one row that has its attempt and its cost', async () => {
    const lost = { ...head(31_000), flight: 'f1' };
    await store.admit(lost);
    await store.openAttempt(lost.id, 0, attemptOf(lost.id));
    await flights.lead('f1', lost.id, 10_000);
    await Promise.all([reaper(), reaper(), reaper()]);
    tick();
    await until(async () => (await ended(lost.id)) !== undefined);
    await until(async () => (await flights.lead('f1', 'next', 10_000)) === 'next');
    tick();

    expect(await ended(lost.id)).toMatchObject({
      status: 'error',
      error: { code: 'timeout' },
      attempts: [{ status: 'abandoned' }],
    });
    await until(async () => (await store.overdue(Date.now(), 10)).length === 0);
    const [event, ...more] = await events();
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      log: { id: lost.id, service: 'blog', customerId: 'acme', metadata: { page: '7' }, status: 'error', errorCode: 'timeout' },
      attempts: [{ requestId: lost.id, worker: 'killed' }],
    });
    expect(event?.log).toMatchObject({ costNanoUsd: 1_500, attemptCount: 1, provider: 'openai-main' });
  });

  it('leaves a request alone whose job may still be run again', async () => {
    const [waiting, lost] = [head(20_000), head(31_000)];
    await store.admit(waiting);
    await store.admit(lost);
    await reaper();
    tick();
    await until(async () => (await ended(lost.id)) !== undefined);
    expect(await ended(waiting.id)).toBeUndefined();
    expect((await events()).map(({ log }) => log?.id)).toEqual([lost.id]);
    expect(await store.overdue(Date.now() + 60_000, 10)).toEqual([waiting.id]);
  });

  it('forgets a request of which nothing is known any more, without a row', async () => {
    const gone = head(31_000);
    await store.admit(gone);
    const [key] = await redis.keys(`*:req:${gone.id}`);
    await redis.del(key ?? '');
    expect(await store.overdue(Date.now(), 10)).toEqual([gone.id]);
    await reaper();
    tick();
    await until(async () => (await store.overdue(Date.now(), 10)).length === 0);
    expect(await ended(gone.id)).toBeUndefined();
    expect(await events()).toEqual([]);
  });
});
