/** An administrator's first day, over HTTP on two API replicas: each step is made on one and looked for on the other. No request fails. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PROVIDER_TYPES } from '@llm-gateway/shared';
import { ADMIN_KEY, Cluster, until } from './cluster.js';

const [OLD, NEW] = ['k1', 'k2'].map((id) => `${id}:${randomBytes(32).toString('base64')}`) as [string, string];
const NAMES = PROVIDER_TYPES.map((type) => `${type}-main`);

let cluster: Cluster;
/** APIs that get requests, as a load balancer would know them. */
let serving = [0, 1];
beforeAll(async () => {
  cluster = await Cluster.start({ apis: 2, workers: 2, env: { ENCRYPTION_KEYS: `${OLD},${NEW}` } });
}, 60_000);
afterAll(() => cluster.stop(), 60_000);
beforeEach(() => cluster.upstream.reset());

const ids = new Map<string, string>();
const of = (name: string): string => `/api/v1/providers/${ids.get(name)}`;
async function admin<T>(method: string, path: string, body?: unknown, api = 0): Promise<T> {
  const answer = await cluster.admin(method, path, body, api);
  expect([method, path, answer.status, answer.status < 300 ? null : answer.body]).toEqual([
    method,
    path,
    expect.any(Number),
    null,
  ]);
  return answer.body;
}

/** What an API makes of a key: 404 is that of an unknown job, asked for by somebody who may. */
const LET_IN = 404;
const statusOf = async (key: string, api: number): Promise<number> =>
  (await fetch(cluster.url('/api/v1/jobs/none', api), { headers: { 'x-service-key': key } })).status;
const servedBy = async (api: number): Promise<string> =>
  (await cluster.generate({ prompt: 'where now?', cache: { mode: 'off' } }, { api })).body.provider;

/** Calls that the vendor has had open at the same time, while some more requests were made under load. */
async function mostAtOnce(load: ReturnType<typeof underLoad>): Promise<number> {
  cluster.upstream.reset();
  cluster.upstream.respond(() => ({ delayMs: 20 }));
  await load.more(60);
  return cluster.upstream.counts.peak;
}

/** Requests without a pause, over all APIs that serve, until told to end. @returns what went wrong, and how many there were. */
function underLoad(key: () => string) {
  let over = false;
  let sent = 0;
  const wrong: unknown[] = [];
  const client = async (): Promise<void> => {
    while (!over) {
      const api = serving[++sent % serving.length] ?? 0;
      const request = { prompt: `load ${sent}`, cache: { mode: 'off' as const } };
      const { status, body } = await cluster.generate(request, { api, headers: { 'x-service-key': key() } });
      if (status !== 200) wrong.push([status, body.error]);
    }
  };
  const clients = Promise.all(Array.from({ length: 8 }, client));
  return {
    /** Resolves once so many more requests have been sent. */
    more: (count: number) => {
      const goal = sent + count;
      return until(() => Promise.resolve(sent >= goal), 20_000);
    },
    end: async () => {
      over = true;
      await clients;
      return wrong;
    },
  };
}

describe('the first day', () => {
  it('begins with six providers, each of which answers its test, also when it is asked for elsewhere', async () => {
    for (const [index, type] of PROVIDER_TYPES.entries())
      ids.set(`${type}-main`, await cluster.provider({ name: `${type}-main`, type, priority: index + 1 }));
    await cluster.lanesServed(NAMES);
    for (const name of NAMES) expect(await admin('POST', `${of(name)}/test`, undefined, 1)).toMatchObject({ ok: true });
    await until(
      async () => (await admin<{ data: unknown[] }>('GET', '/api/v1/providers', undefined, 1)).data.length === 6,
      2_000,
    );
  }, 60_000);

  it('sends a customer elsewhere', async () => {
    await admin('POST', '/api/v1/overrides', { customer_id: 'acme', provider: 'mistral-main' });
    const leads = async () => {
      const route = await admin<{ candidates: { provider: string }[] }>(
        'GET',
        '/api/v1/routes/explain?customer_id=acme',
        undefined,
        1,
      );
      return route.candidates[0]?.provider === 'mistral-main';
    };
    await until(leads, 2_000);
    expect((await cluster.generate({ prompt: 'where?', customer_id: 'acme' }, { api: 1 })).body.provider).toBe('mistral-main');
    expect((await cluster.generate({ prompt: 'where?' }, { api: 1 })).body.provider).toBe('claude-main');
  }, 30_000);

  it('takes an override back', async () => {
    const made = await admin<{ id: string }>('POST', '/api/v1/overrides', { service: 'test', provider: 'gemini-main' }, 1);
    await until(async () => (await servedBy(0)) === 'gemini-main', 2_000);
    await admin('PATCH', `/api/v1/overrides/${made.id}`, { enabled: false }, 0);
    await until(async () => (await servedBy(1)) === 'claude-main', 2_000);
    await admin('PATCH', `/api/v1/overrides/${made.id}`, { enabled: true }, 1);
    await until(async () => (await servedBy(0)) === 'gemini-main', 2_000);
    await admin('DELETE', `/api/v1/overrides/${made.id}`, undefined, 0);
    await until(async () => (await servedBy(1)) === 'claude-main', 2_000);
  }, 30_000);

  it('changes limits, and rotates a service key and a provider key, under load', async () => {
    const made = await admin<{ id: string; key: string }>('POST', '/api/v1/keys', { name: 'blog', scopes: ['generate'] });
    let key = made.key;
    const load = underLoad(() => key);
    await load.more(50);
    expect(await mostAtOnce(load)).toBeGreaterThan(2);
    await admin('PATCH', of('claude-main'), { max_concurrency: 2 });
    const limit = async () =>
      (await admin<{ limits: { concurrency: { limit: number } | null } }>('GET', `${of('claude-main')}/health`, undefined, 1))
        .limits;
    expect((await limit()).concurrency?.limit).toBe(2);
    // Both workers keep to it together, whichever API has sent the request.
    await until(async () => (await mostAtOnce(load)) <= 2, 20_000);
    await admin('PATCH', of('claude-main'), { max_concurrency: null }, 1);
    await until(async () => (await mostAtOnce(load)) > 2, 20_000);

    const old = key;
    key = (await admin<{ key: string }>('POST', `/api/v1/keys/${made.id}/rotate`, { grace_seconds: 60 }, 1)).key;
    await load.more(50);
    for (const api of [0, 1]) expect(await statusOf(old, api)).toBe(LET_IN);

    await admin('POST', `${of('claude-main')}/rotate-key`, { api_key: 'sk-claude-rotated', grace_seconds: 60 }, 1);
    expect(await admin('GET', of('claude-main'), undefined, 0)).toMatchObject({
      api_key_hint: 'ated',
      previous_key_until: expect.any(String),
    });
    await until(() => Promise.resolve(cluster.upstream.calls.at(-1)?.apiKey === 'sk-claude-rotated'), 5_000);
    // The vendor may withdraw the old one now; and the new one still falls back where it is not known yet.
    cluster.upstream.respond(({ apiKey }) => (apiKey === 'sk-claude-rotated' ? { status: 401, message: 'who?' } : {}));
    await load.more(50);
    expect(await load.end()).toEqual([]);
    expect(cluster.upstream.calls.filter(({ apiKey }) => apiKey === 'sk-claude-rotated').length).toBeGreaterThan(0);
    await until(async () => (await admin<{ state: string }>('GET', `${of('claude-main')}/health`)).state === 'ok', 5_000);
  }, 90_000);

  it('ends a key: what was before it at once, and the key itself, each on the other replica as well', async () => {
    const made = await admin<{ id: string; key: string }>('POST', '/api/v1/keys', { name: 'short', scopes: ['generate'] });
    expect(await statusOf(made.key, 1)).toBe(LET_IN);
    const turned = await admin<{ key: string }>('POST', `/api/v1/keys/${made.id}/rotate`, { grace_seconds: 0 }, 0);
    await until(async () => (await statusOf(made.key, 1)) === 401, 2_000);
    expect(await statusOf(turned.key, 1)).toBe(LET_IN);
    await admin('DELETE', `/api/v1/keys/${made.id}`, undefined, 1);
    await until(async () => (await statusOf(turned.key, 0)) === 401, 2_000);
  }, 30_000);

  it('changes the encryption key under load: first, re-encrypted, the old one gone', async () => {
    const load = underLoad(() => ADMIN_KEY);
    await replaceEverything(`${NEW},${OLD}`, load);
    await load.more(50);
    expect(await reencrypt(`${NEW},${OLD}`)).toMatchObject({ applied: true, to_rewrite: 0, removable: ['k1'] });
    await load.more(50);
    await replaceEverything(NEW, load);
    await load.more(50);
    expect(await load.end()).toEqual([]);
    for (const api of serving)
      for (const name of NAMES) expect(await admin('POST', `${of(name)}/test`, undefined, api)).toMatchObject({ ok: true });
  }, 120_000);

  it('runs a thousand failed jobs again on another provider, each once', async () => {
    const [one = 0, other = 0] = serving;
    cluster.upstream.respond(({ type }) => (type === 'openai' ? { status: 500 } : {}));
    const fail = async (n: number): Promise<void> => {
      const request = { prompt: `doomed ${n}`, provider: 'openai-main', fallback: false, cache: { mode: 'off' as const } };
      const { status, headers } = await cluster.generate(request, { api: n % 2 === 0 ? one : other });
      expect(status).toBe(502);
      // On a busy machine an API may take Redis for gone for a moment and make the call itself: that is no job.
      if (headers.get('x-gateway-mode') === 'direct') await fail(n);
    };
    for (let done = 0; done < 1_000; done += 100) await Promise.all(Array.from({ length: 100 }, (_, n) => fail(done + n)));
    const order = { filter: { provider: 'openai-main' }, provider: 'gemini-main', max: 1_000 };
    // The caller hears of a failure just before its job is among the failed ones.
    const matched = async () => (await admin<{ matched: number }>('POST', '/api/v1/jobs/replay', order, one)).matched;
    await until(async () => (await matched()) === 1_000, 10_000);
    cluster.upstream.reset();
    expect(await admin('POST', '/api/v1/jobs/replay', { ...order, dry_run: false }, one)).toMatchObject({
      replayed: 1_000,
      remaining: 0,
    });
    await cluster.upstream.received(1_000);
    const again = await admin('POST', '/api/v1/jobs/replay', { ...order, dry_run: false }, other);
    expect(again).toMatchObject({ replayed: 0, already_replayed: 1_000 });
    const { data } = await admin<{ data: Job[] }>('GET', '/api/v1/jobs?status=failed&limit=1000', undefined, other);
    expect(new Set(data.map(({ replayed_by }) => typeof replayed_by))).toEqual(new Set(['string']));
    const ofOne = async () => admin<Job>('GET', `/api/v1/jobs/${data[0]?.replayed_by}`, undefined, other);
    await until(async () => (await ofOne()).status === 'completed', 10_000);
    expect(await ofOne()).toMatchObject({ provider: 'gemini-main', replay_of: data[0]?.id });
    expect(new Set(cluster.upstream.calls.map(({ type }) => type))).toEqual(new Set(['gemini']));
    expect(cluster.upstream.counts.total).toBe(1_000);
  }, 120_000);

  it('leaves a record of all of it', async () => {
    const { data } = await admin<{ data: { action: string }[] }>('GET', '/api/v1/audit?limit=1000', undefined, serving[1]);
    const done = new Set(data.map(({ action }) => action));
    for (const action of [
      ...['provider.create', 'provider.update', 'provider.rotate_key', 'provider.reencrypt'],
      ...['override.create', 'override.update', 'override.delete'],
      ...['key.create', 'key.rotate', 'key.delete', 'secret.reencrypt', 'job.replay_many'],
    ])
      expect(done).toContain(action);
  }, 30_000);
});

interface Job {
  id: string;
  status: string;
  replayed_by?: string;
}

/** As a rolling update does it: new processes first, then the old ones drain. */
async function replaceEverything(encryptionKeys: string, load: ReturnType<typeof underLoad>): Promise<void> {
  const env = { ENCRYPTION_KEYS: encryptionKeys };
  const before = { apis: serving, workers: [...cluster.workers] };
  const first = cluster.apis.length;
  await Promise.all([cluster.addWorker(env), cluster.addWorker(env), cluster.addApi(env), cluster.addApi(env)]);
  serving = [first, first + 1];
  // Whatever was about to go to an old one has gone.
  await load.more(20);
  await Promise.all([...before.apis.map((api) => cluster.apis[api]?.stop()), ...before.workers.map((worker) => worker.stop())]);
  cluster.workers.splice(0, before.workers.length);
}

async function reencrypt(encryptionKeys: string): Promise<unknown> {
  const command = [join('apps', 'cli', 'dist', 'main.js'), 'keys:reencrypt', '--apply', '--json'];
  const env = { PATH: process.env.PATH, DATABASE_URL: cluster.databaseUrl, ENCRYPTION_KEYS: encryptionKeys };
  return JSON.parse((await promisify(execFile)(process.execPath, command, { env })).stdout);
}
