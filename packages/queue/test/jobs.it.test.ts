/** What we do with jobs in BullMQ's own keys: a BullMQ that names or stores them otherwise fails here. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateRequest, newRequestId } from '@llm-gateway/shared';
import { Belt, generateJob, KeptJobs, LaneWorker, type GenerateJobPayload, type LaneResult, type Redis } from '../src/index.js';
import { keys } from '../src/keys.js';
import { logger, startHarness, until, type Harness } from './harness.js';

let harness: Harness;
let admin: Redis;
let belt: Belt;
let kept: KeptJobs;
const workers: LaneWorker[] = [];

beforeAll(async () => {
  harness = await startHarness();
  admin = await harness.client();
  belt = new Belt({ redisUrl: harness.server.url, role: 'patient', redis: admin, logger });
  kept = new KeptJobs(admin);
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.close()));
  await belt.close();
  await harness.close();
});

function payload(lanes: string[], hop = 0, prompt = 'what nobody lists'): GenerateJobPayload {
  const now = Date.now();
  const request = generateRequest.parse({ service: 'blog', prompt });
  const head = {
    id: newRequestId(),
    createdAt: now,
    deadline: now + 60_000,
    service: 'blog',
    customerId: null,
    keyId: null,
    metadata: {},
    replyTo: null,
    flight: null,
    cacheStatus: 'MISS' as const,
    cache: null,
    resultTtlSeconds: 60,
    priority: 5,
    cancellable: true,
    lanes,
    relatedTo: null,
  };
  const candidates = lanes.map((provider) => ({ provider, type: 'openai' as const, model: 'm' }));
  return { v: 1, head, request, candidates, hop };
}

function serve(provider: string, handle: () => Promise<LaneResult>): void {
  const options = { provider, redisUrl: harness.server.url, concurrency: 10, workerId: `w-${provider}`, logger };
  workers.push(new LaneWorker({ ...options, handle, trim: (lane) => kept.trimCompleted(lane), onDead: async () => undefined }));
}

/** By their ids, whose order within one millisecond is chance. */
const newestFirst = (payloads: GenerateJobPayload[]) => payloads.toSorted((a, b) => (a.head.id < b.head.id ? 1 : -1));
const list = async (lanes: string[]) => kept.read(await kept.refs(lanes, ['queued', 'active', 'completed', 'failed']));

describe('kept jobs', () => {
  it('are listed newest first, each with whose it is', async () => {
    const asked = newestFirst([payload(['l1']), payload(['l1']), payload(['l1'])]);
    for (const each of asked) await belt.enqueue(each);
    const jobs = await list(['l1']);
    const briefs = asked.map(({ head: { id, createdAt, service, customerId, keyId } }) => ({
      id,
      createdAt,
      service,
      customerId,
      keyId,
    }));
    expect(jobs.map(({ head, shelf }) => [head, shelf])).toEqual(briefs.map((brief) => [brief, 'queued']));
    expect(await kept.lanes([])).toContain('l1');
  });

  it('appear once, where they are now, however many lanes they have been on', async () => {
    const [moved, answered] = newestFirst([payload(['m1', 'm2']), payload(['m1', 'm2'])]) as [
      GenerateJobPayload,
      GenerateJobPayload,
    ];
    serve('m1', async () => ({ kind: 'answered' }));
    await belt.enqueue(answered);
    await until(async () => (await list(['m1'])).some(({ shelf }) => shelf === 'completed'));
    await workers.pop()?.close();
    serve('m1', async () => ({ kind: 'moved' }));
    serve('m2', async () => ({ kind: 'failed', message: 'provider_error: nobody answered' }));
    await belt.enqueue(moved);
    await belt.enqueue({ ...moved, hop: 1 });
    await until(async () => (await kept.find(moved.head.id, ['m1', 'm2']))?.shelf === 'failed');
    await until(async () => (await belt.state('m1', moved.head.id, 0)) === 'completed');
    const jobs = await list(['m1', 'm2']);
    expect(jobs.map(({ requestId, lane, shelf, failedReason }) => [requestId, lane, shelf, failedReason])).toEqual([
      [moved.head.id, 'm2', 'failed', 'provider_error: nobody answered'],
      [answered.head.id, 'm1', 'completed', null],
    ]);
    // Without the lane that it is on now, it is nowhere: where it left from is no job.
    expect((await list(['m1'])).map(({ requestId }) => requestId)).toEqual([answered.head.id]);
  });

  it('keep what they were asked', async () => {
    const asked = payload(['p1']);
    await belt.enqueue(asked);
    const ref = await kept.find(asked.head.id, ['other', 'p1']);
    expect(await kept.payload(ref as never)).toEqual(asked);
    expect(await kept.find(newRequestId(), ['p1'])).toBeNull();
  });

  it('are listed without Redis touching what they were asked, however long that is', async () => {
    const long = Array.from({ length: 50 }, () => payload(['long'], 0, 'x'.repeat(1_000_000)));
    for (const each of long) await belt.enqueue(each);
    await admin.config('RESETSTAT');
    expect(await list(['long'])).toHaveLength(50);
    const sent = Number(/total_net_output_bytes:(\d+)/.exec(await admin.info('stats'))?.[1]);
    expect(sent).toBeLessThan(100_000);
    expect(await admin.info('commandstats')).not.toContain('cmdstat_evalsha');
  }, 30_000);

  it('are read in bounded pieces, ten thousand that wait within a second', async () => {
    const waiting = Array.from({ length: 10_000 }, () => payload(['full']));
    const queue = belt.queue('full');
    for (let at = 0; at < waiting.length; at += 1_000) {
      const batch = waiting.slice(at, at + 1_000);
      await queue.addBulk(batch.map((data) => ({ name: 'generate', data, opts: generateJob.optionsFor(data) })));
    }
    const startedAt = performance.now();
    const refs = await kept.refs(['full'], ['queued', 'active', 'completed', 'failed']);
    const page = await kept.read(refs.slice(0, 50));
    const ms = performance.now() - startedAt;
    expect(refs).toHaveLength(10_000);
    const newest = newestFirst(waiting).slice(0, 50);
    expect(page.map(({ requestId }) => requestId)).toEqual(newest.map(({ head }) => head.id));
    expect(ms).toBeLessThan(1_000);
  }, 60_000);
});

describe('a waiting job that is retired', () => {
  it('leaves the queue for the failed ones, and no worker gets it', async () => {
    const late = payload(['r1']);
    await belt.enqueue(late);
    expect(await belt.retire('r1', late.head.id, 0, 'timeout: too late')).toBe(true);
    expect(await belt.retire('r1', late.head.id, 0, 'timeout: too late')).toBe(false);
    expect(await belt.depth('r1')).toBe(0);
    expect(await belt.state('r1', late.head.id, 0)).toBe('failed');
    expect(await list(['r1'])).toMatchObject([{ shelf: 'failed', failedReason: 'timeout: too late' }]);
    let served = 0;
    serve('r1', async () => {
      served++;
      return { kind: 'answered' };
    });
    const next = payload(['r1']);
    await belt.enqueue(next);
    await until(async () => (await belt.state('r1', next.head.id, 0)) === 'completed');
    expect(served).toBe(1);
    expect(await list(['r1'])).toHaveLength(2);
  });

  it('is left alone while a worker holds it', async () => {
    const held = payload(['r2']);
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    serve('r2', async () => {
      await gate;
      return { kind: 'answered' };
    });
    await belt.enqueue(held);
    await until(async () => (await belt.state('r2', held.head.id, 0)) === 'active');
    expect(await belt.retire('r2', held.head.id, 0, 'cancelled: too late')).toBe(false);
    release();
    await until(async () => (await belt.state('r2', held.head.id, 0)) === 'completed');
  });

  it('takes the place of the oldest where enough are kept', async () => {
    const [oldest, late] = [payload(['r3']), payload(['r3'])];
    await belt.enqueue(oldest);
    await belt.retire('r3', oldest.head.id, 0, 'timeout: too late');
    const others = Array.from({ length: 9_999 }, (_, index) => [Date.now() + 1, `other-${index}`] as const).flat();
    await admin.zadd('{lgw.r3}:generate.r3:failed', ...(others as (string | number)[]));
    await belt.enqueue(late);
    await belt.retire('r3', late.head.id, 0, 'timeout: too late');
    expect(await kept.find(oldest.head.id, ['r3'])).toBeNull();
    expect(await kept.find(late.head.id, ['r3'])).toMatchObject({ shelf: 'failed' });
  });
});

describe('a claim to run a job again', () => {
  it('is one, whoever asks, until it is withdrawn', async () => {
    const failed = payload(['c1']);
    await belt.enqueue(failed);
    await belt.retire('c1', failed.head.id, 0, 'timeout: too late');
    const ref = (await kept.find(failed.head.id, ['c1'])) as never;
    const claims = await Promise.all(['a', 'b', 'c'].map((id) => kept.claimReplay(ref, id, false)));
    expect(new Set(claims.map((claim) => claim?.id))).toEqual(new Set(['a']));
    await kept.withdrawReplay(ref, 'b');
    expect(await kept.claimReplay(ref, 'd', false)).toEqual({ id: 'a', entered: false });
    await kept.confirmReplay(ref, 'a');
    expect(await kept.claimReplay(ref, 'd', false)).toEqual({ id: 'a', entered: true });
    expect(await list(['c1'])).toMatchObject([{ replay: { id: 'a', entered: true } }]);
    expect(await kept.claimReplay(ref, 'e', true)).toEqual({ id: 'e', entered: false });
    await kept.withdrawReplay(ref, 'e');
    expect(await list(['c1'])).toMatchObject([{ replay: null }]);
  });

  it('is none on a job that is gone', async () => {
    const gone = { requestId: newRequestId(), lane: 'c1', hop: 0, shelf: 'failed' as const };
    expect(await kept.claimReplay(gone, 'a', false)).toBeNull();
    await kept.confirmReplay(gone, 'a');
    expect(await kept.find(gone.requestId, ['c1'])).toBeNull();
  });
});

describe('jobs whose time is over', () => {
  it('are forgotten with what they were asked, also where nothing moves any more', async () => {
    const [old, recent] = [payload(['o1']), payload(['o1'])];
    for (const each of [old, recent]) {
      await belt.enqueue(each);
      await belt.retire('o1', each.head.id, 0, 'timeout: too late');
    }
    const week = 604_800_000;
    await admin.zadd('{lgw.o1}:generate.o1:failed', Date.now() - week - 1_000, `${old.head.id}-0`);
    await kept.forgetOld(Date.now());
    expect((await list(['o1'])).map(({ requestId }) => requestId)).toEqual([recent.head.id]);
    expect(await admin.exists(`{lgw.o1}:generate.o1:${old.head.id}-0`)).toBe(0);
    await kept.forgetOld(Date.now() + week + 1_000);
    expect(await list(['o1'])).toEqual([]);
  });

  it('are the oldest where more have completed than are kept', async () => {
    const completed = keys.bull('o2', 'completed');
    const { count } = generateJob.keepCompleted;
    const earlier = Array.from({ length: count }, (_, index) => `req_EARLIER-${index}`);
    await admin.zadd(completed, ...earlier.flatMap((id, index) => [index, id]));
    for (const id of earlier) await admin.hset(keys.bull('o2', id), 'data', '{}');
    const latest = Array.from({ length: 100 }, () => payload(['o2']));
    for (const each of latest) await belt.enqueue(each);
    serve('o2', async () => ({ kind: 'answered' }));
    await until(async () => (await admin.zcard(completed)) === count && (await admin.zrank(completed, 'req_EARLIER-100')) === 0);
    expect(await admin.exists(earlier.map((id) => keys.bull('o2', id)))).toBe(count - 100);
    expect((await list(['o2'])).map(({ requestId }) => requestId).toSorted()).toEqual(
      latest.map(({ head }) => head.id).toSorted(),
    );
  });
});
