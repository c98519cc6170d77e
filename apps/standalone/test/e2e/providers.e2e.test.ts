/** Providers come, go and fail while requests wait for them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster, until } from './cluster.js';

interface Health {
  state: string;
  limits: { requests: { limit: number; remaining: number } | null; concurrency: { limit: number; in_use: number } | null };
  recent: {
    calls: number;
    errors: number;
    error_rate: number;
    latency_ms: { p50: number } | null;
    faults: Record<string, number>;
    last_error: { message: string; http_status: number } | null;
  };
}

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ apis: 2, workers: 0, env: { DIRECT_MODE_MAX_CONCURRENCY: '0' } });
}, 60_000);
afterAll(() => cluster.stop(), 60_000);
beforeEach(() => cluster.upstream.reset());

const healthOf = async (id: string) =>
  (await cluster.admin('GET', `/api/v1/providers/${id}/health`, undefined, 1)).body as Health;
const queuedAt = async (id: string, depth: number) => {
  const healthy = async () =>
    ((await cluster.admin('GET', `/api/v1/providers/${id}/health`)).body as { queue_depth: number }).queue_depth;
  await until(async () => (await healthy()) === depth, 5_000);
};

describe('a provider that is deleted', () => {
  it('while no worker runs leaves its waiting jobs to their next candidate, once there is one', async () => {
    const gone = await cluster.provider({ name: 'gone', type: 'openai', priority: 1 });
    await cluster.provider({ name: 'next', type: 'mistral', priority: 2 });
    const waiting = Array.from({ length: 5 }, (_, n) => cluster.generate({ prompt: `waits ${n}`, timeout_ms: 30_000 }));
    await queuedAt(gone, 5);
    expect((await cluster.admin('DELETE', `/api/v1/providers/${gone}`)).status).toBe(204);
    const worker = await cluster.addWorker();
    const replies = await Promise.all(waiting);
    expect(replies.map(({ status, body }) => [status, body.provider])).toEqual(Array(5).fill([200, 'next']));
    expect(cluster.upstream.calls.map(({ type }) => type)).toEqual(Array(5).fill('mistral'));
    // The lane that was opened for them is closed again.
    await until(() => Promise.resolve(worker.lines.some((line) => line.includes('lane closed'))), 20_000);
  }, 60_000);

  it('under load drops no request', async () => {
    const brief = await cluster.provider({ name: 'brief', type: 'openai', priority: 1 });
    await cluster.lanesServed(['brief', 'next']);
    cluster.upstream.respond({ delayMs: 30 });
    const load = Array.from({ length: 200 }, (_, n) =>
      cluster.generate({ prompt: `load ${n}`, cache: { mode: 'off' } }, { api: n % 2 }),
    );
    await cluster.upstream.received(20);
    expect((await cluster.admin('DELETE', `/api/v1/providers/${brief}`)).status).toBe(204);
    const replies = await Promise.all(load);
    expect(replies.filter(({ status }) => status !== 200)).toEqual([]);
  }, 60_000);
});

describe('the health of a provider', () => {
  it('counts its own calls, also where another answered, and shows what its limits are used for, on every replica', async () => {
    const id = await cluster.provider({
      name: 'ailing',
      type: 'claude',
      priority: 0,
      max_retries: 0,
      rpm_limit: 100,
      max_concurrency: 7,
    });
    await cluster.lanesServed(['ailing']);
    cluster.upstream.respond(({ type }) => (type === 'claude' ? { status: 500, message: 'my head hurts' } : {}));
    const replies = await Promise.all([1, 2, 3].map((n) => cluster.generate({ prompt: `ill ${n}`, cache: { mode: 'off' } })));
    expect(replies.map(({ status, body }) => [status, body.provider])).toEqual(Array(3).fill([200, 'next']));
    await until(async () => (await healthOf(id)).recent.calls === 3, 5_000);
    const health = await healthOf(id);
    expect(health.recent).toMatchObject({
      ...{ calls: 3, errors: 3, error_rate: 1, latency_ms: null, faults: { server_error: 3 } },
      last_error: { message: 'my head hurts', http_status: 500 },
    });
    expect(health.limits).toMatchObject({ requests: { limit: 100, remaining: 97 }, concurrency: { limit: 7, in_use: 0 } });
    cluster.upstream.respond({});
    expect((await cluster.generate({ prompt: 'well again', provider: 'ailing', cache: { mode: 'off' } })).status).toBe(200);
    await until(async () => (await healthOf(id)).recent.latency_ms !== null, 5_000);
    expect((await healthOf(id)).recent).toMatchObject({ calls: 4, errors: 3, error_rate: 0.75 });
  }, 60_000);
});
