import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newAttemptId, newRequestId, NO_TOKENS, shardOf, type UsageAttempt } from '@llm-gateway/shared';
import { ReplyBus, RequestStore, type ErrorOutcome, type Redis, type RequestHead } from '../src/index.js';
import { keys } from '../src/keys.js';
import { logger, startHarness, until, type Harness } from './harness.js';

let harness: Harness;
let admin: Redis;
let store: RequestStore;

beforeAll(async () => {
  harness = await startHarness();
  admin = await harness.client();
  store = new RequestStore(await harness.client());
});
afterAll(() => harness.close());

const head = (overrides: Partial<RequestHead> = {}): RequestHead => ({
  id: newRequestId(),
  createdAt: Date.now(),
  deadline: Date.now() + 10_000,
  service: 'blog',
  customerId: null,
  keyId: null,
  metadata: {},
  replyTo: 'api-1',
  flight: null,
  cacheStatus: 'MISS',
  cache: null,
  resultTtlSeconds: 60,
  priority: 5,
  cancellable: true,
  lanes: ['p'],
  relatedTo: null,
  ...overrides,
});

const attempt = (requestId: string, number: number, overrides: Partial<UsageAttempt> = {}): UsageAttempt => ({
  id: newAttemptId(Date.now()),
  requestId,
  createdAt: Date.now(),
  number,
  provider: 'p',
  providerType: 'openai',
  model: 'm',
  servedModel: null,
  status: 'abandoned',
  error: 'abandoned',
  errorMessage: null,
  httpStatus: null,
  vendorRequestId: null,
  tokens: NO_TOKENS,
  estimated: true,
  costNanoUsd: 0,
  unpricedReason: null,
  priceVersion: null,
  latencyMs: 0,
  limiterMs: 0,
  worker: 'w',
  ...overrides,
});

const failed = (id: string, message = 'no'): ErrorOutcome => ({
  status: 'error',
  id,
  error: { code: 'provider_error', message, details: [] },
  attempts: [],
  finishedAt: Date.now(),
  timings: { queueMs: 0, limiterMs: 0, providerMs: 0 },
});

const ending = (request: RequestHead, message = 'no', late: UsageAttempt | null = null) => ({
  id: request.id,
  outcome: failed(request.id, message),
  event: { v: 1 as const, log: null, attempts: [] },
  late: late ? { v: 1 as const, log: null, attempts: [late] } : null,
  resultTtlSeconds: 60,
  replyTo: request.replyTo,
});

const eventsOf = async (id: string) => (await admin.xrange(keys.usage(shardOf(id)), '-', '+')).map(([, fields]) => fields);

describe('a request', () => {
  it("ends once, whoever ends it: one result, one usage event, and the loser's own attempt beside them", async () => {
    const request = head();
    await store.admit(request);
    const before = (await eventsOf(request.id)).length;
    const own = attempt(request.id, 1);
    const ends = await Promise.all(
      ['a', 'b', 'c'].map((message) => store.finish(ending(request, message, message === 'a' ? null : own))),
    );
    expect(ends.filter(Boolean)).toHaveLength(1);
    const outcome = (await store.outcomes([request.id])).get(request.id) as ErrorOutcome;
    expect(['a', 'b', 'c']).toContain(outcome.error.message);
    const events = (await eventsOf(request.id)).slice(before);
    const late = events.filter((fields) => fields[1]?.includes(own.id));
    expect(events.length - late.length).toBe(1);
    expect(late).toHaveLength(outcome.error.message === 'a' ? 2 : 1);
    expect(await store.overdue(request.deadline + 60_000, 1_000)).not.toContain(request.id);
  });

  it('numbers its attempts over lanes and re-runs, and keeps one that nobody closed as abandoned', async () => {
    const request = head({ lanes: ['p', 'q'] });
    await store.admit(request);
    expect(await store.openAttempt(request.id, 0, attempt(request.id, 1))).toEqual({ kind: 'opened' });
    // The worker dies here; the job runs again and finds the first attempt taken.
    const behind = await store.openAttempt(request.id, 0, attempt(request.id, 1));
    expect(behind).toMatchObject({ kind: 'behind', attempts: [{ number: 1, status: 'abandoned' }] });
    const second = attempt(request.id, 2);
    expect(await store.openAttempt(request.id, 0, second)).toEqual({ kind: 'opened' });
    await store.closeAttempt(request.id, { ...second, status: 'error', error: 'server_error' }, 1);
    expect(await store.openAttempt(request.id, 0, attempt(request.id, 3))).toMatchObject({ kind: 'superseded' });
    expect(await store.openAttempt(request.id, 1, attempt(request.id, 3))).toEqual({ kind: 'opened' });
    expect((await store.read(request.id))?.attempts.map((row) => row.status)).toEqual(['abandoned', 'error', 'abandoned']);
  });

  it('takes back an attempt whose call was not made, its own and the last one only', async () => {
    const request = head();
    await store.admit(request);
    const [first, other, second] = [attempt(request.id, 1), attempt(request.id, 1), attempt(request.id, 2)];
    await store.openAttempt(request.id, 0, first);
    await store.withdrawAttempt(request.id, other);
    expect((await store.read(request.id))?.attempts).toHaveLength(1);
    await store.withdrawAttempt(request.id, first);
    expect((await store.read(request.id))?.attempts).toHaveLength(0);

    await store.openAttempt(request.id, 0, first);
    await store.openAttempt(request.id, 0, second);
    await store.withdrawAttempt(request.id, first);
    expect(await store.openAttempt(request.id, 0, attempt(request.id, 1))).toMatchObject({
      kind: 'behind',
      attempts: [{ id: first.id }, { id: second.id }],
    });
  });

  it('that has ended opens no further attempt', async () => {
    const request = head();
    await store.admit(request);
    await store.finish(ending(request));
    expect(await store.openAttempt(request.id, 0, attempt(request.id, 1))).toEqual({ kind: 'done' });
  });

  it('tells a joiner its outcome, or that it goes on, or that it is not known', async () => {
    const request = head();
    expect(await store.join(newRequestId(), 'api-2')).toBe('unknown');
    await store.admit(request);
    expect(await store.join(request.id, 'api-2')).toBe('pending');
    await store.finish(ending(request));
    expect(await store.join(request.id, 'api-3')).toMatchObject({ status: 'error' });
  });

  it('that nobody registered stays unknown to every joiner, however many wait for it', async () => {
    const { id } = head();
    expect(await store.join(id, 'api-2')).toBe('unknown');
    expect(await store.join(id, 'api-3')).toBe('unknown');
    expect(await store.isKnown(id)).toBe(false);
  });

  it('that is marked cancelled opens no attempt', async () => {
    const request = head();
    await store.admit(request);
    await store.markCancelled(request.id);
    expect(await store.openAttempt(request.id, 0, attempt(request.id, 1))).toEqual({ kind: 'cancelled' });
  });

  it('that was never registered is not kept for ever by a word of its cancellation', async () => {
    const id = newRequestId();
    await store.markCancelled(id);
    expect(await admin.ttl(keys.request(id))).toBeGreaterThan(0);
  });

  it('is carried out by one API at a time, by another only in place of one that is dead', async () => {
    const request = head();
    expect(await store.takeHere(request.id, 'api-1')).toBe(false);
    await store.admit(request);
    expect(await store.takeHere(request.id, 'api-1')).toBe(true);
    expect(await store.takeHere(request.id, 'api-2')).toBe(false);
    expect(await store.takeHere(request.id, 'api-2', 'api-1')).toBe(true);
    expect((await store.read(request.id))?.here).toBe('api-2');
  });

  it("that shares another's call is known as such until it comes to a call of its own", async () => {
    const request = head();
    await store.admit({ ...request, relatedTo: 'req_leader' }, 'req_leader');
    expect(await store.read(request.id)).toMatchObject({ follows: 'req_leader', head: { relatedTo: 'req_leader' } });
    await store.admit(request);
    expect(await store.read(request.id)).toMatchObject({ follows: null, head: { relatedTo: null } });
  });

  it('ended by one run still gets the row of the call that another run closes after it', async () => {
    const request = head();
    await store.admit(request);
    const own = attempt(request.id, 1);
    await store.openAttempt(request.id, 0, own);
    await store.finish(ending(request));
    await store.closeAttempt(request.id, own, 0);
    const last = (await eventsOf(request.id)).at(-1)?.[1] ?? '';
    expect(JSON.parse(last)).toMatchObject({ log: null, attempts: [{ id: own.id }] });
  });

  it('notices when its last caller leaves, over replicas, and says so on its usage event', async () => {
    const request = head();
    await store.admit(request);
    await store.join(request.id, 'api-2');
    expect(await store.leave(request.id, 'api-1')).toBe(false);
    expect(await store.leave(request.id, 'api-2')).toBe(true);
    const before = (await eventsOf(request.id)).length;
    await store.finish(ending(request));
    expect((await eventsOf(request.id)).slice(before)[0]?.slice(2)).toEqual(['gone', '1']);
  });
});

describe('a reply', () => {
  const bus = async (apiId: string, onStuck: (requestId: string) => Promise<void> = () => Promise.resolve()) => {
    const subscriber = await harness.client();
    const replies = new ReplyBus({ apiId, subscriber, store, logger, onStuck });
    await until(async () => ((await admin.pubsub('NUMSUB', keys.replies(apiId))) as [string, number])[1] === 1);
    return { subscriber, replies };
  };

  it('reaches every replica that waits, each caller once', async () => {
    const [one, two] = [await bus('api-a'), await bus('api-b')];
    const request = head({ replyTo: 'api-a' });
    const waits = [one.replies.wait(request.id), one.replies.wait(request.id), two.replies.wait(request.id)];
    await store.admit(request);
    await store.join(request.id, 'api-b');
    await store.finish(ending(request, 'told'));
    const outcomes = (await Promise.all(waits.map((wait) => wait.outcome))) as ErrorOutcome[];
    expect(outcomes.map((outcome) => outcome.error.message)).toEqual(['told', 'told', 'told']);
    expect(one.replies.waiting + two.replies.waiting).toBe(0);
    one.replies.close();
    two.replies.close();
  });

  it("that was published while the replica was away is found again (BullMQ's own waiting loses it)", async () => {
    const { subscriber, replies } = await bus('api-away');
    const request = head({ replyTo: 'api-away' });
    const wait = replies.wait(request.id);
    await store.admit(request);
    subscriber.disconnect(true);
    await store.finish(ending(request, 'missed'));
    expect(((await wait.outcome) as ErrorOutcome).error.message).toBe('missed');
    replies.close();
  });

  it('that comes without a push is swept up within two seconds', async () => {
    const { replies } = await bus('api-sweep');
    const request = head({ replyTo: 'somebody-else' });
    const wait = replies.wait(request.id);
    await store.finish(ending(request, 'swept'));
    const started = Date.now();
    expect(((await wait.outcome) as ErrorOutcome).error.message).toBe('swept');
    expect(Date.now() - started).toBeLessThan(2_500);
    replies.close();
  });

  it('too large to push is fetched', async () => {
    const { replies } = await bus('api-large');
    const request = head({ replyTo: 'api-large' });
    const wait = replies.wait(request.id);
    await store.admit(request);
    await store.finish(ending(request, 'x'.repeat(300_000)));
    expect(((await wait.outcome) as ErrorOutcome).error.message).toHaveLength(300_000);
    replies.close();
  });
});
