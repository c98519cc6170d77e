/** The traps of BullMQ that we know of, one test each. The first, lost replies, is in request-store.it.test.ts; a killed worker is in the e2e tests. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateRequest, newRequestId } from '@llm-gateway/shared';
import { Belt, generateJob, LaneWorker, type GenerateJobPayload, type LaneResult, type Redis } from '../src/index.js';
import { keys } from '../src/keys.js';
import { logger, startHarness, until, type Harness } from './harness.js';

let harness: Harness;
let admin: Redis;
let belt: Belt;
const workers: LaneWorker[] = [];

beforeAll(async () => {
  harness = await startHarness();
  admin = await harness.client();
  belt = new Belt({ redisUrl: harness.server.url, role: 'patient', redis: admin, logger });
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.close()));
  await belt.close();
  await harness.close();
});

function payload(provider: string, overrides: { id?: string; priority?: number } = {}): GenerateJobPayload {
  const now = Date.now();
  const request = generateRequest.parse({ service: 'blog', prompt: 'hello' });
  const head = {
    id: overrides.id ?? newRequestId(),
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
    priority: overrides.priority ?? 5,
    cancellable: true,
    lanes: [provider],
    relatedTo: null,
  };
  return { v: 1, head, request, candidates: [{ provider, type: 'openai', model: 'm' }], hop: 0 };
}

function serve(
  provider: string,
  handle: (payload: GenerateJobPayload, signal: AbortSignal) => Promise<LaneResult>,
  onDead: (requestId: string, why: string) => Promise<void> = async () => undefined,
): LaneWorker {
  const worker = new LaneWorker({
    provider,
    redisUrl: harness.server.url,
    concurrency: 10,
    workerId: `w-${provider}`,
    logger,
    handle,
    trim: async () => undefined,
    onDead,
  });
  workers.push(worker);
  return worker;
}

const jobKey = (provider: string, id: string) =>
  `${keys.queuePrefix(provider)}:${generateJob.queue(provider)}:${generateJob.jobId(id, 0)}`;
const answered = async (): Promise<LaneResult> => ({ kind: 'answered' });

describe('a job', () => {
  it('enqueued twice is one job, because its id follows from the request', async () => {
    const job = payload('twice');
    await Promise.all([belt.enqueue(job), belt.enqueue(job)]);
    expect(await belt.depth('twice')).toBe(1);
  });

  it('always has a priority number, so that none overtakes all: 1 goes before 5 before 10', async () => {
    const jobs = [10, 5, 1].map((priority) => payload('ordered', { priority }));
    for (const job of jobs) await belt.enqueue(job);
    expect(await belt.position('ordered', jobs[2]?.head.id ?? '', 0)).toBe(1);
    expect(await belt.position('ordered', jobs[0]?.head.id ?? '', 0)).toBe(3);
  });

  it('leaves nothing of an answer in the job, its events or the board: the processor returns a word', async () => {
    const job = payload('terse');
    serve('terse', answered);
    await belt.enqueue(job);
    await until(async () => (await belt.state('terse', job.head.id, 0)) === 'completed');
    expect(await admin.hget(jobKey('terse', job.head.id), 'returnvalue')).toBe('"answered"');
  });

  it('whose lock was lost, as after an outage of Redis, runs again while its first run goes on', async () => {
    const job = payload('twins');
    let starts = 0;
    let finishFirst: () => void = () => undefined;
    const first = new Promise<void>((resolve) => (finishFirst = resolve));
    serve('twins', async () => {
      if (++starts === 1) await first;
      return { kind: 'answered' };
    });
    await belt.enqueue(job);
    await until(() => starts === 1);
    await admin.del(`${jobKey('twins', job.head.id)}:lock`);
    await until(() => starts === 2, 30_000);
    finishFirst();
    await until(async () => (await belt.state('twins', job.head.id, 0)) === 'completed');
  }, 40_000);

  it('that stalled too often is failed without being run, and its request is still ended', async () => {
    const job = payload('poison');
    const ended: string[] = [];
    let release: () => void = () => undefined;
    const stuck = new Promise<void>((resolve) => (release = resolve));
    serve(
      'poison',
      () => stuck.then(answered),
      async (requestId) => void ended.push(requestId),
    );
    await belt.enqueue(job);
    await until(async () => (await belt.state('poison', job.head.id, 0)) === 'active');
    await admin.hset(jobKey('poison', job.head.id), 'stc', String(generateJob.worker.maxStalledCount));
    await admin.del(`${jobKey('poison', job.head.id)}:lock`);
    await until(() => ended.length === 1, 20_000);
    expect(ended).toEqual([job.head.id]);
    expect(await belt.state('poison', job.head.id, 0)).toBe('failed');
    release();
  }, 30_000);

  it('put aside comes back at its time, without costing an attempt', async () => {
    const job = payload('later');
    const startedAt: number[] = [];
    serve('later', async () => {
      startedAt.push(Date.now());
      return startedAt.length === 1 ? { kind: 'later', at: Date.now() + 300 } : { kind: 'answered' };
    });
    await belt.enqueue(job);
    await until(async () => (await belt.state('later', job.head.id, 0)) === 'completed');
    expect((startedAt[1] ?? 0) - (startedAt[0] ?? 0)).toBeGreaterThanOrEqual(300);
  });

  it('that is cancelled has its signal aborted', async () => {
    const job = payload('cancelled');
    let aborted = false;
    const worker = serve(
      'cancelled',
      (_payload, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            resolve({ kind: 'failed', message: 'cancelled' });
          });
        }),
    );
    await belt.enqueue(job);
    await until(() => worker.activeCount === 1);
    worker.cancel(job.head.id);
    await until(() => aborted);
    await until(async () => (await belt.state('cancelled', job.head.id, 0)) === 'failed');
  });
});

describe('an API replica', () => {
  it('is told at once that Redis is dead, and within two seconds that it is frozen, instead of hanging', async () => {
    const doomed = await startHarness();
    try {
      const redis = await doomed.client('fail-fast');
      const impatient = new Belt({ redisUrl: doomed.server.url, role: 'fail-fast', redis, logger });
      await impatient.enqueue(payload('frozen'));
      process.kill(doomed.server.pid, 'SIGSTOP');
      let started = Date.now();
      await expect(impatient.enqueue(payload('frozen'))).rejects.toThrow();
      expect(Date.now() - started).toBeLessThan(2_000);
      process.kill(doomed.server.pid, 'SIGCONT');
      process.kill(doomed.server.pid, 'SIGKILL');
      await until(() => redis.status !== 'ready');
      started = Date.now();
      await expect(impatient.enqueue(payload('frozen'))).rejects.toThrow();
      expect(Date.now() - started).toBeLessThan(1_500);
      await impatient.close().catch(() => undefined);
    } finally {
      await doomed.close();
    }
  }, 20_000);
});

describe('a job of another build', () => {
  it('is left to a worker that understands it while there is time, and ended with a clear word when there is none', async () => {
    const patient = payload('newer');
    const ended: [string, string][] = [];
    const handled: string[] = [];
    const handle = async ({ head }: GenerateJobPayload): Promise<LaneResult> => {
      handled.push(head.id);
      return { kind: 'answered' };
    };
    serve('newer', handle, async (requestId, why) => void ended.push([requestId, why]));
    await belt.enqueue({ ...patient, v: 2 } as unknown as GenerateJobPayload);
    const late = payload('newer');
    late.head.deadline = Date.now();
    await belt.enqueue({ ...late, v: 2 } as unknown as GenerateJobPayload);
    await until(async () => (await belt.state('newer', late.head.id, 0)) === 'failed');
    expect(ended).toEqual([[late.head.id, 'unreadable']]);
    expect(await belt.state('newer', patient.head.id, 0)).toBe('waiting');
    expect(handled).toEqual([]);
  });
});
