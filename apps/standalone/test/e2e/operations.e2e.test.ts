import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ADMIN_KEY, Cluster, SERVICE_KEY, until } from './cluster.js';

let cluster: Cluster;

beforeAll(async () => {
  // Without direct mode a request waits for its lane's worker; with it, the API carries it out.
  cluster = await Cluster.start({ env: { WORKER_PROVIDERS: 'served,spare', DIRECT_MODE_MAX_CONCURRENCY: '0' } });
  await cluster.provider({ name: 'served', type: 'openai', priority: 1, max_retries: 0 });
  await cluster.provider({ name: 'spare', type: 'mistral', priority: 2, max_retries: 0 });
  await cluster.provider({ name: 'unserved', type: 'claude', priority: 3 });
  await cluster.lanesServed(['served', 'spare']);
}, 60_000);
afterAll(() => cluster.stop(), 60_000);
beforeEach(() => cluster.upstream.reset());

async function enqueue(request: object): Promise<string> {
  const response = await fetch(cluster.url('/api/v1/generate'), {
    method: 'POST',
    headers: { 'x-service-key': SERVICE_KEY, 'content-type': 'application/json', prefer: 'respond-async' },
    body: JSON.stringify({ service: 'test', ...request }),
  });
  expect(response.status).toBe(202);
  return ((await response.json()) as { id: string }).id;
}

const job = async (id: string, method = 'GET') =>
  (await cluster.admin(method, `/api/v1/jobs/${id}`)).body as { status: string; position?: number; error?: { code: string } };

describe('DELETE /api/v1/jobs/{id}', () => {
  it('aborts the provider call of an active job, and the row says cancelled', async () => {
    cluster.upstream.respond({ hang: 'headers' });
    const id = await enqueue({ prompt: 'endless', cache: { mode: 'off' } });
    await cluster.upstream.received(1);
    await job(id, 'DELETE');
    await until(async () => (await job(id)).status === 'cancelled', 3_000);
    await until(() => Promise.resolve(cluster.upstream.counts.open === 0), 3_000);
    await until(
      async () =>
        (await cluster.rows('SELECT 1 FROM llm_usage_logs WHERE id = $1 AND status = $2', [id, 'cancelled'])).length === 1,
      5_000,
    );
  });

  it('takes a waiting job out of its queue', async () => {
    const id = await enqueue({ prompt: 'nobody takes me', provider: 'unserved', fallback: false });
    expect(await job(id)).toMatchObject({ status: 'queued', position: 1 });
    expect(await job(id, 'DELETE')).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } });
    expect(cluster.upstream.counts.total).toBe(0);
  });
});

describe('a worker with WORKER_PROVIDERS', () => {
  it('serves just those lanes; a request for another waits for a worker that serves it', async () => {
    const waiting = cluster.generate({ prompt: 'who serves me?', provider: 'unserved', fallback: false, timeout_ms: 20_000 });
    await cluster.health('unserved', ({ queue_depth }) => queue_depth === 1);
    expect(cluster.upstream.counts.total).toBe(0);
    await cluster.addWorker({ WORKER_PROVIDERS: 'unserved' });
    expect((await waiting).status).toBe(200);
  }, 30_000);
});

describe('an expired answer', () => {
  it('is served with a warning when every candidate is down, and not otherwise', async () => {
    const request = { prompt: 'old news', cache: { ttl_seconds: 1 } };
    cluster.upstream.respond({ content: 'old' });
    expect((await cluster.generate(request)).status).toBe(200);
    cluster.upstream.respond({ content: 'new' });
    await until(async () => (await cluster.generate({ ...request, cache: { mode: 'only' } })).status === 404, 3_000);
    cluster.upstream.respond({ status: 500 });
    const stale = await cluster.generate(request);
    expect(stale.body).toMatchObject({ content: 'old', cached: true });
    expect(stale.body.warnings.join()).toContain('expired');
    // It has an answer: nobody is to run it again.
    const { body: failed } = await cluster.admin('GET', '/api/v1/jobs?status=failed');
    expect((failed as { data: { id: string }[] }).data.map(({ id }) => id)).not.toContain(stale.body.id);
    cluster.upstream.respond({ content: 'new' });
    await until(async () => (await cluster.generate(request)).body.content === 'new', 10_000);
  }, 30_000);
});

describe('priorities', () => {
  it('let an urgent request overtake those that wait', async () => {
    const narrow = await cluster.addWorker({ WORKER_PROVIDERS: 'narrow', WORKER_CONCURRENCY: '1' });
    await cluster.provider({ name: 'narrow', type: 'openai' });
    await cluster.lanesServed(['narrow'], 1);
    cluster.upstream.respond((call) => ({ delayMs: call.prompt === 'first' ? 500 : 0 }));
    const ask = (prompt: string, priority: number) =>
      cluster.generate({ prompt, priority, provider: 'narrow', cache: { mode: 'off' } });
    const replies = [ask('first', 5)];
    await cluster.upstream.received(1);
    for (const [prompt, priority] of [
      ['slow lane', 9],
      ['normal', 5],
      ['urgent', 1],
    ] as const) {
      const depth = replies.length;
      replies.push(ask(prompt, priority));
      await until(async () => (await queued('narrow')) === depth, 3_000);
    }
    await Promise.all(replies);
    expect(cluster.upstream.calls.map((call) => call.prompt)).toEqual(['first', 'urgent', 'normal', 'slow lane']);
    await narrow.stop();
  }, 30_000);
});

/** Jobs that wait, read from the queue itself: the health page looks only once a second. */
async function queued(provider: string): Promise<number> {
  const response = await fetch(cluster.url(`/admin/queues/api/queues?activeQueue=generate.${provider}&status=prioritized`), {
    headers: { 'x-service-key': ADMIN_KEY },
  });
  const { queues } = (await response.json()) as { queues: { name: string; counts: { prioritized: number } }[] };
  return queues.find((queue) => queue.name === `generate.${provider}`)?.counts.prioritized ?? -1;
}
