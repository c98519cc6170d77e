import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { usageEvent } from '@llm-gateway/shared';
import { Queue } from 'bullmq';
import { generateJob, LaneWorker, outcomeError, readConfigMirror, UsageReader, type GenerateJobPayload } from '../src/index.js';
import { outcome } from '../src/request/outcome.js';
import { keys } from '../src/keys.js';
import { logger, startHarness, until, type Harness } from './harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const fixture = async (name: string): Promise<unknown> =>
  JSON.parse(await readFile(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8'));

function queueOf(provider: string): Queue {
  const { hostname, port, pathname } = new URL(harness.server.url);
  const connection = { host: hostname, port: Number(port), db: Number(pathname.slice(1)) };
  return new Queue(generateJob.queue(provider), { connection, prefix: keys.queuePrefix(provider) });
}

interface Seen {
  taken: GenerateJobPayload[];
  dead: string[];
}

function workerOn(provider: string): { worker: LaneWorker; seen: Seen } {
  const seen: Seen = { taken: [], dead: [] };
  const worker = new LaneWorker({
    provider,
    redisUrl: harness.server.url,
    concurrency: 1,
    workerId: 'worker-test',
    logger,
    handle: (payload) => {
      seen.taken.push(payload);
      return Promise.resolve({ kind: 'answered' });
    },
    trim: async () => undefined,
    onDead: (id, why) => {
      seen.dead.push(`${why} ${id}`);
      return Promise.resolve();
    },
  });
  return { worker, seen };
}

describe('what an earlier build has left', () => {
  it('a job is carried out as it was meant', async () => {
    const payload = (await fixture('job.v1')) as GenerateJobPayload;
    const queue = queueOf('claude-main');
    const { worker, seen } = workerOn('claude-main');
    await queue.add('generate', payload, { jobId: generateJob.jobId(payload.head.id, payload.hop), priority: 5 });
    await until(() => seen.taken.length === 1);
    // What the earlier build did not know of has the meaning that it had there.
    expect(seen.taken[0]).toEqual({ ...payload, head: { ...payload.head, cancellable: true } });
    await worker.close();
    await queue.close();
  });

  it('outcomes are answers and errors', async () => {
    const [ok, failed] = outcome.array().parse(await fixture('outcomes.v1'));
    expect(ok).toEqual(((await fixture('outcomes.v1')) as unknown[])[0]);
    expect(failed?.status === 'error' && outcomeError(failed)).toMatchObject({ code: 'provider_error', status: 502 });
  });

  it('a usage event is read from the stream', async () => {
    const event = await fixture('usage-event.v1');
    const redis = await harness.client();
    const reader = new UsageReader(await harness.client(), 'reader', logger);
    await reader.prepare();
    await redis.xadd(keys.usage('{s00}'), '*', 'e', JSON.stringify(event));
    expect((await reader.read(10, 1_000)).map((entry) => entry.event)).toEqual([usageEvent.parse(event)]);
  });

  it('the mirror of the configuration is configuration', async () => {
    const redis = await harness.client();
    const mirror = (await fixture('config-mirror.v1')) as { providers: object[] };
    await redis.set(keys.configMirror, JSON.stringify(mirror));
    expect(await readConfigMirror(redis)).toMatchObject({ ...mirror, budgets: [], unreadable: [] });
  });
});

describe('a job of a newer build', () => {
  it('is passed over for as long as there is time, for a worker that understands it', async () => {
    const payload = (await fixture('job.v1')) as GenerateJobPayload;
    const newer = { ...payload, v: 2, head: { ...payload.head, id: 'req_newer', deadline: Date.now() + 60_000 } };
    const queue = queueOf('newer');
    const { worker, seen } = workerOn('newer');
    const job = await queue.add('generate', newer, { jobId: 'req_newer-0', priority: 5 });
    await until(async () => (await job.getState()) === 'delayed');
    expect(seen).toEqual({ taken: [], dead: [] });
    expect((await queue.getJob('req_newer-0'))?.data).toEqual(newer);
    await worker.close();
    await queue.close();
  });

  it('ends with a clear error when its time is over', async () => {
    const payload = (await fixture('job.v1')) as GenerateJobPayload;
    const late = { ...payload, v: 2, head: { ...payload.head, id: 'req_late' } };
    const queue = queueOf('late');
    const { worker, seen } = workerOn('late');
    await queue.add('generate', late, { jobId: 'req_late-0', priority: 5 });
    await until(() => seen.dead.length === 1);
    expect(seen).toEqual({ taken: [], dead: ['unreadable req_late'] });
    await worker.close();
    await queue.close();
  });
});
